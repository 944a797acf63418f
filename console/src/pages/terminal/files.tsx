/** Files of the device: look, upload, download. */
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import Modal from '@cloudscape-design/components/modal';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useCallback, useEffect, useRef, useState } from 'react';

import { m } from '../../messages';
import { count } from '../../messages/locale';
import { save, useNotices } from '../../parts/feedback';
import { When } from '../../parts/whole';
import type { Ssh } from '../../ssh/client';
import { Sftp, type Entry } from '../../ssh/sftp';

interface Transfer {
  name: string;
  percent: number;
}

const said = (error: unknown) => (error instanceof Error ? error.message : String(error));

export function Files({ ssh }: { ssh: Ssh }) {
  const { notice } = useNotices();
  const sftp = useRef<Sftp>(undefined);
  const picker = useRef<HTMLInputElement>(null);
  const [path, setPath] = useState('');
  const [entries, setEntries] = useState<Entry[]>();
  const [error, setError] = useState<string>();
  const [transfer, setTransfer] = useState<Transfer>();
  const [asked, setAsked] = useState<File>();

  const go = useCallback(async (to: string) => {
    if (!sftp.current) return;
    try {
      const where = await sftp.current.realpath(to);
      const found = await sftp.current.list(where);
      setPath(where);
      setEntries(found);
      setError(undefined);
    } catch (failure) {
      setError(said(failure));
    }
  }, []);

  useEffect(() => {
    let ended = false;
    Sftp.open(ssh).then(
      (opened) => {
        if (ended) return opened?.close();
        sftp.current = opened;
        if (opened) void go('.');
        else setError(m.ssh.noSftp);
      },
      (failure: unknown) => setError(said(failure)),
    );
    return () => {
      ended = true;
      sftp.current?.close();
    };
  }, [ssh, go]);

  const at = (name: string) => (path.endsWith('/') ? path + name : `${path}/${name}`);
  const moving = async (name: string, size: number, work: (progress: (done: number) => void) => Promise<void>) => {
    setTransfer({ name, percent: 0 });
    try {
      await work((done) => setTransfer({ name, percent: size > 0 ? Math.floor((done / size) * 100) : 100 }));
    } catch (failure) {
      notice('error', said(failure), name);
    } finally {
      setTransfer(undefined);
    }
  };
  const download = ({ name, size }: Entry) =>
    moving(name, size, async (progress) => {
      const blob = await sftp.current?.read(at(name), size, progress);
      if (blob) save(name, blob, 'application/octet-stream');
    });
  const upload = (file: File) =>
    moving(file.name, file.size, async (progress) => {
      await sftp.current?.write(at(file.name), file, progress);
      notice('success', m.ssh.uploaded(file.name));
      await go(path);
    });

  return (
    <SpaceBetween size="s">
      {error && <Alert type="error">{error}</Alert>}
      {transfer && <ProgressBar value={transfer.percent} label={transfer.name} />}
      <Table<Entry>
        variant="embedded"
        items={entries ?? []}
        loading={!entries && !error}
        loadingText={m.app.loading}
        ariaLabels={{ tableLabel: m.ssh.files }}
        empty={m.ssh.emptyFolder}
        header={
          <SpaceBetween direction="horizontal" size="xs" alignItems="center">
            <Box variant="code">{path}</Box>
            <Button iconName="angle-up" variant="icon" ariaLabel={m.ssh.parent} disabled={path === '/'} onClick={() => void go(at('..'))} />
            <Button iconName="refresh" variant="icon" ariaLabel={m.app.refresh} onClick={() => void go(path)} />
            <Button iconName="upload" disabled={!entries || transfer !== undefined} onClick={() => picker.current?.click()}>
              {m.ssh.upload}
            </Button>
            <input
              ref={picker}
              type="file"
              hidden
              aria-label={m.ssh.upload}
              onChange={({ target }) => {
                const file = target.files?.[0];
                target.value = '';
                if (!file) return;
                if (entries?.some((entry) => entry.name === file.name)) setAsked(file);
                else void upload(file);
              }}
            />
          </SpaceBetween>
        }
        columnDefinitions={[
          {
            id: 'name',
            header: m.ssh.name,
            isRowHeader: true,
            cell: (entry) =>
              entry.folder ? <Link onFollow={() => void go(at(entry.name))}>{entry.name}/</Link> : entry.name,
          },
          { id: 'size', header: m.ssh.size, cell: (entry) => (entry.folder ? '–' : count(entry.size)) },
          { id: 'modified', header: m.ssh.modified, cell: (entry) => <When at={new Date(entry.modified)} /> },
          {
            id: 'download',
            header: m.app.actions,
            cell: (entry) =>
              entry.folder ? null : (
                <Button
                  iconName="download"
                  variant="icon"
                  ariaLabel={`${m.ssh.download}: ${entry.name}`}
                  disabled={transfer !== undefined}
                  onClick={() => void download(entry)}
                />
              ),
          },
        ]}
      />
      {asked && (
        <Modal
          visible
          header={m.ssh.replaceTitle}
          onDismiss={() => setAsked(undefined)}
          footer={
            <Box float="right">
              <SpaceBetween direction="horizontal" size="xs">
                <Button variant="link" onClick={() => setAsked(undefined)}>
                  {m.app.cancel}
                </Button>
                <Button
                  variant="primary"
                  onClick={() => {
                    setAsked(undefined);
                    void upload(asked);
                  }}
                >
                  {m.ssh.replace}
                </Button>
              </SpaceBetween>
            </Box>
          }
        >
          {m.ssh.replaceText(asked.name)}
        </Modal>
      )}
    </SpaceBetween>
  );
}
