/** Errors, notices and texts to copy. */
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import type { FlashbarProps } from '@cloudscape-design/components/flashbar';
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react';

import { isMissing, kindOf, textOf } from '../api/errors';
import { expire } from '../api/session';
import { m } from '../messages';

/** What went wrong, and what to do. */
export function Trouble({ error, retry }: { error: unknown; retry?: () => void }) {
  const kind = kindOf(error);
  const action = retry && kind !== 'denied' ? <Button onClick={retry}>{m.app.refresh}</Button> : undefined;
  if (kind === 'denied') {
    return (
      <Alert type="info" header={m.trouble.denied}>
        <Said>{textOf(error).replace(/\.?$/, '.')}</Said> {m.trouble.deniedText}
      </Alert>
    );
  }
  if (kind === 'signed-out') {
    return (
      <Alert type="warning" action={<Button onClick={expire}>{m.signIn.button}</Button>}>
        {m.signIn.expired}
      </Alert>
    );
  }
  if (kind === 'unreachable') {
    return (
      <Alert type="warning" header={m.trouble.unreachable} action={action}>
        {m.trouble.unreachableText}
      </Alert>
    );
  }
  return (
    <Alert type="error" header={isMissing(error) ? m.trouble.missing : m.trouble.failed} action={action}>
      <Said>{textOf(error)}</Said>
    </Alert>
  );
}

/** What the server said: it speaks English, whatever the language of the page. */
export function Said({ children }: { children: string }) {
  return <span lang="en">{children}</span>;
}

/** A command to copy. */
export function Command({ text, label }: { text: string; label?: string }) {
  return (
    <div className="command">
      <Box variant="code">{text}</Box>
      <CopyToClipboard
        variant="icon"
        copyButtonAriaLabel={label ? `${m.app.copy}: ${label}` : m.app.copy}
        copySuccessText={m.app.copied}
        copyErrorText={m.app.copyFailed}
        textToCopy={text}
      />
    </div>
  );
}

/** The `aws` command that does what the form does. */
export function SameOnCommandLine({ command }: { command: string }) {
  return (
    <ExpandableSection headerText={m.app.command} variant="footer">
      <Command text={command} label={m.app.command} />
    </ExpandableSection>
  );
}

interface Notices {
  items: FlashbarProps.MessageDefinition[];
  notice: (type: FlashbarProps.Type, text: ReactNode, header?: string) => void;
}

const Context = createContext<Notices>({ items: [], notice: () => undefined });

/** Notices kept at once; the oldest go first. */
const MOST = 5;
let number = 0;

export function NoticeProvider({ children }: { children: ReactNode }) {
  const [items, setItems] = useState<FlashbarProps.MessageDefinition[]>([]);
  const notice = useCallback<Notices['notice']>((type, content, header) => {
    const id = String(++number);
    const gone = () => setItems((all) => all.filter((item) => item.id !== id));
    const item = { id, type, content, header, dismissible: true, onDismiss: gone, ariaRole: 'status' } as const;
    setItems((all) => [item, ...all.slice(0, MOST - 1)]);
    if (type === 'success') setTimeout(gone, 8_000);
  }, []);
  const value = useMemo(() => ({ items, notice }), [items, notice]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function useNotices(): Notices {
  return useContext(Context);
}

/** Hands a text to the reader as a file. */
export function save(name: string, content: BlobPart, type = 'text/plain'): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
