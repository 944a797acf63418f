/** A question before something is done. */
import type { ReactNode } from 'react';

import { FormDialog } from './form';

interface Props {
  title: string;
  button: string;
  command: string;
  work: () => Promise<unknown>;
  /** It is done. */
  done: () => void;
  dismiss: () => void;
  children: ReactNode;
}

export function Confirm({ children, ...question }: Props) {
  return (
    <FormDialog {...question} bad={false}>
      {() => children}
    </FormDialog>
  );
}
