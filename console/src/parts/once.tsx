/** What is shown this once: a dialog that makes a secret and then shows it, with what saves it and what uses it. */
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import { useState, type ReactNode } from 'react';

import { m } from '../messages';
import { Command, save } from './feedback';
import { FormDialog, type FormProps } from './form';

interface Props<T> extends Omit<FormProps<T>, 'done'> {
  madeTitle: string;
  /** Says that there is no second time; none where there is. */
  warning?: string | undefined;
  show: (made: T) => ReactNode;
}

export function OnceDialog<T extends object>({ madeTitle, warning, show, ...form }: Props<T>) {
  const [made, setMade] = useState<T>();
  if (!made) return <FormDialog {...form} done={setMade} />;
  return (
    <Modal
      visible
      size="large"
      // What is shown is lost once the dialog is gone: only Done closes it.
      onDismiss={() => undefined}
      header={madeTitle}
      footer={
        <Box float="right">
          <Button variant="primary" onClick={form.dismiss}>
            {m.app.done}
          </Button>
        </Box>
      }
    >
      <div className="fields">
        {warning && <Alert type="warning">{warning}</Alert>}
        {show(made)}
      </div>
    </Modal>
  );
}

/** A text to copy below its name. */
export function Labelled({ label, hint, text }: { label: string; hint?: string; text: string }) {
  return (
    <div>
      <Box variant="awsui-key-label">{label}</Box>
      {hint && <Box color="text-body-secondary">{hint}</Box>}
      <Command text={text} label={label} />
    </div>
  );
}

/** A button that hands over a file. */
export function Download({ name, content, type, children }: { name: string; content: string; type?: string; children: ReactNode }) {
  return (
    <Button iconName="download" onClick={() => save(name, content, type)}>
      {children}
    </Button>
  );
}
