/** Fragments among what SpaceBetween is to keep apart. */
import { Children, Fragment, isValidElement, type ReactNode } from 'react';

/** The parts of a fragment, each on its own: SpaceBetween takes a fragment for one. */
export function apart(node: ReactNode): ReactNode[] {
  return Children.toArray(node).flatMap((one) =>
    isValidElement<{ children?: ReactNode }>(one) && one.type === Fragment ? apart(one.props.children) : [one],
  );
}
