/** Terminals side by side in tabs, each a channel of one session, and the files. */
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Input from '@cloudscape-design/components/input';
import LiveRegion from '@cloudscape-design/components/live-region';
import Modal from '@cloudscape-design/components/modal';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useRef, useState } from 'react';

import { m } from '../../messages';
import type { Shell, Ssh } from '../../ssh/client';
import { Files } from './files';

/** Tabs of one session. */
const MOST_TABS = 8;
/** Lines that can be scrolled back to. */
const SCROLLBACK = 10_000;
/** Pieces of input that wait for a shell. */
const MOST_EARLY = 256;
const SIZE_KEY = 'adit.terminal-size';
const FILES = 'files';

interface Props {
  /** None while the connection is lost. */
  ssh: Ssh | undefined;
  /** The last terminal's program ended. */
  ended: (status: number | undefined) => void;
}

export function Terminals({ ssh, ended }: Props) {
  const [tabs, setTabs] = useState([1]);
  const [shown, setShown] = useState('1');
  const [size, setSize] = useState(() => Number(localStorage.getItem(SIZE_KEY)) || 14);
  const [find, setFind] = useState('');
  const [missed, setMissed] = useState(false);
  const searches = useRef(new Map<number, SearchAddon>());
  const next = useRef(2);
  const resize = (to: number) => {
    const size = Math.min(32, Math.max(8, to));
    localStorage.setItem(SIZE_KEY, String(size));
    setSize(size);
  };
  const close = (tab: number, status: number | undefined) => {
    const left = tabs.filter((other) => other !== tab);
    searches.current.delete(tab);
    if (left.length === 0) ended(status);
    setTabs(left);
    setShown((now) => (now === String(tab) ? String(left.at(-1) ?? '') : now));
  };
  /** Goes to the next match, or the one before; `incremental` stays at one that still fits what is typed on. */
  const search = (text: string, where: 'next' | 'previous' | 'incremental') => {
    const addon = searches.current.get(Number(shown));
    if (!text) addon?.clearDecorations();
    else if (where === 'previous') setMissed(!addon?.findPrevious(text));
    else setMissed(!addon?.findNext(text, { incremental: where === 'incremental' }));
    if (!text) setMissed(false);
  };
  return (
    <SpaceBetween size="xs">
      <div className="terminal-tools">
        <SegmentedControl
          label={m.ssh.title}
          selectedId={shown}
          onChange={({ detail }) => setShown(detail.selectedId)}
          options={[
            ...tabs.map((tab) => ({ id: String(tab), text: tabs.length === 1 ? m.ssh.terminal : m.ssh.tab(tab) })),
            { id: FILES, text: m.ssh.files },
          ]}
        />
        <Button
          iconName="add-plus"
          variant="icon"
          ariaLabel={m.ssh.newTab}
          disabled={!ssh || tabs.length >= MOST_TABS}
          onClick={() => {
            const tab = next.current++;
            setTabs([...tabs, tab]);
            setShown(String(tab));
          }}
        />
        {shown !== FILES && (
          <>
            <Button
              iconName="close"
              variant="icon"
              ariaLabel={m.ssh.closeTab}
              disabled={tabs.length < 2}
              onClick={() => close(Number(shown), undefined)}
            />
            <Button iconName="zoom-out" variant="icon" ariaLabel={m.ssh.fontSmaller} onClick={() => resize(size - 1)} />
            <Button iconName="zoom-in" variant="icon" ariaLabel={m.ssh.fontLarger} onClick={() => resize(size + 1)} />
            <div className="terminal-find">
              <Input
                type="search"
                value={find}
                placeholder={m.app.find}
                ariaLabel={m.ssh.search}
                invalid={missed}
                onChange={({ detail }) => {
                  setFind(detail.value);
                  search(detail.value, 'incremental');
                }}
                onKeyDown={({ detail }) => {
                  if (detail.key === 'Enter') search(find, detail.shiftKey ? 'previous' : 'next');
                }}
              />
              <Button
                iconName="angle-up"
                variant="icon"
                ariaLabel={m.ssh.searchPrevious}
                disabled={!find}
                onClick={() => search(find, 'previous')}
              />
              <Button
                iconName="angle-down"
                variant="icon"
                ariaLabel={m.ssh.searchNext}
                disabled={!find}
                onClick={() => search(find, 'next')}
              />
              <LiveRegion hidden>{missed ? m.app.noMatch : ''}</LiveRegion>
            </div>
          </>
        )}
      </div>
      {tabs.map((tab) => (
        <View
          key={tab}
          ssh={ssh}
          size={size}
          shown={shown === String(tab)}
          label={m.ssh.tab(tab)}
          searches={(addon) => searches.current.set(tab, addon)}
          ended={(status) => close(tab, status)}
        />
      ))}
      {shown === FILES && ssh && <Files ssh={ssh} />}
    </SpaceBetween>
  );
}

interface ViewProps {
  ssh: Ssh | undefined;
  size: number;
  shown: boolean;
  label: string;
  searches: (addon: SearchAddon) => void;
  ended: (status: number | undefined) => void;
}

function View({ ssh, size, shown, label, searches, ended }: ViewProps) {
  const place = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>(undefined);
  const fit = useRef<FitAddon>(undefined);
  const shell = useRef<Shell>(undefined);
  /** What is typed while the shell is being opened. */
  const early = useRef<(string | Uint8Array)[]>(undefined);
  const over = useRef(ended);
  over.current = ended;
  const [pasting, setPasting] = useState<string>();

  useEffect(() => {
    if (!place.current) return;
    const term = new Terminal({ scrollback: SCROLLBACK, fontSize: size, cursorBlink: true, allowProposedApi: true });
    const [fitting, searching] = [new FitAddon(), new SearchAddon()];
    term.loadAddon(fitting);
    term.loadAddon(searching);
    term.loadAddon(new WebLinksAddon((_, url) => window.open(url, '_blank', 'noopener,noreferrer')));
    term.open(place.current);
    if (term.textarea) term.textarea.setAttribute('aria-label', label);
    fitting.fit();
    const send = (data: string | Uint8Array) => {
      if (shell.current) shell.current.write(data);
      else if (early.current && early.current.length < MOST_EARLY) early.current.push(data);
    };
    term.onData(send);
    term.onBinary((data) => send(Uint8Array.from(data, (letter) => letter.charCodeAt(0))));
    term.onResize(({ cols, rows }) => shell.current?.resize(cols, rows));
    term.attachCustomKeyEventHandler((event) => {
      const ours = event.ctrlKey && event.shiftKey;
      // The browser's own paste, which comes as an event.
      if (ours && event.code === 'KeyV') return false;
      const copies = ours && event.code === 'KeyC';
      if (!copies || event.type !== 'keydown' || !term.hasSelection()) return true;
      event.preventDefault();
      navigator.clipboard.writeText(term.getSelection()).catch(() => undefined);
      return false;
    });
    const paste = (event: ClipboardEvent) => {
      const text = event.clipboardData?.getData('text') ?? '';
      if (!/[\r\n]./s.test(text.trimEnd())) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      setPasting(text);
    };
    const box = place.current;
    box.addEventListener('paste', paste, { capture: true });
    const watching = new ResizeObserver(() => {
      if (box.clientWidth > 0) fitting.fit();
    });
    watching.observe(box);
    [terminal.current, fit.current] = [term, fitting];
    searches(searching);
    term.focus();
    return () => {
      watching.disconnect();
      box.removeEventListener('paste', paste, { capture: true });
      shell.current?.close();
      terminal.current = undefined;
      term.dispose();
    };
    // One terminal for the life of the tab.
  }, []);

  useEffect(() => {
    const term = terminal.current;
    if (!ssh || !term) return;
    let gone = false;
    early.current = [];
    ssh.shell(term.cols, term.rows).then(
      (opened) => {
        if (gone) return opened.close();
        shell.current = opened;
        early.current?.forEach((data) => opened.write(data));
        early.current = undefined;
        opened.onData = (data) => term.write(data);
        opened.onExit = (status) => {
          if (!gone && status !== undefined) over.current(status);
        };
      },
      (error: unknown) => term.writeln(`\r\n${error instanceof Error ? error.message : String(error)}`),
    );
    return () => {
      gone = true;
      shell.current = undefined;
      early.current = undefined;
      // What was on the screen stays to be read; the shell after this is another one.
      terminal.current?.writeln(`\r\n\x1b[2m${m.ssh.lost}\x1b[0m`);
    };
  }, [ssh]);

  useEffect(() => {
    if (!terminal.current) return;
    terminal.current.options.fontSize = size;
    fit.current?.fit();
  }, [size]);
  useEffect(() => {
    if (shown) terminal.current?.focus();
  }, [shown]);

  return (
    <>
      <div ref={place} className="shell" hidden={!shown} role="region" aria-label={label} />
      {pasting !== undefined && (
        <PasteDialog
          text={pasting}
          answer={(yes) => {
            if (yes) terminal.current?.paste(pasting);
            setPasting(undefined);
            terminal.current?.focus();
          }}
        />
      )}
    </>
  );
}

function PasteDialog({ text, answer }: { text: string; answer: (yes: boolean) => void }) {
  const lines = text.trimEnd().split(/\r\n|\r|\n/).length;
  return (
    <Modal
      visible
      onDismiss={() => answer(false)}
      header={m.ssh.pasteTitle}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => answer(false)}>
              {m.app.cancel}
            </Button>
            <Button variant="primary" onClick={() => answer(true)}>
              {m.ssh.paste}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        <Box variant="p">{m.ssh.pasteText(lines)}</Box>
        <pre className="document">{text}</pre>
      </SpaceBetween>
    </Modal>
  );
}
