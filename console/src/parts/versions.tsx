/** Versions of a document: one shown, any two compared, one in use. The choice is in the URL. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';

import { useLive, type Live } from '../api/live';
import { m } from '../messages';
import { Document } from './detail';
import { Diff } from './diff';
import { SameOnCommandLine, Trouble } from './feedback';
import { SectionTable } from './section';
import { useView } from './table';
import { When, Whole } from './whole';

export interface Shown {
  version: string;
  /** The version it is compared with. */
  other?: string;
  choose: (version?: string, other?: string) => void;
}

/** What the URL says: a version, and perhaps another beside it; the one in use without. */
export function useShown(inUse: string): Shown {
  const view = useView('');
  const other = view.get('other');
  return {
    version: view.get('version') || inUse,
    ...(other ? { other } : {}),
    choose: (version, other) => view.set({ version, other }),
  };
}

interface BoxProps {
  shown: Shown;
  inUse: string;
  ids: string[];
  /** Names what the versions are of. */
  of: string;
  load: (version: string) => Promise<string>;
  command: (version: string) => string;
  label: string;
}

function titleOf(version: string, inUse: string): string {
  const title = m.versions.version(version);
  return version === inUse ? `${title} (${m.versions.inUse})` : title;
}

export function VersionBox({ shown: { version, other, choose }, inUse, ids, of, load, command, label }: BoxProps) {
  const before = useLive(`${of} ${version}`, () => load(version), false);
  const after = useLive(`${of} ${other ?? ''}`, () => (other === undefined ? Promise.resolve('') : load(other)), false);
  const compared = other !== undefined;
  const [left, right] = [before.data, after.data];
  const error = before.error ?? after.error;
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            compared && (
              <SpaceBetween direction="horizontal" size="xs">
                <Choose label={m.versions.from} ids={ids} inUse={inUse} value={version} change={(id) => choose(id, other)} />
                <Choose label={m.versions.to} ids={ids} inUse={inUse} value={other} change={(id) => choose(version, id)} />
                <Button iconName="close" variant="icon" ariaLabel={m.versions.endCompare} onClick={() => choose(version, undefined)} />
              </SpaceBetween>
            )
          }
        >
          {compared ? m.versions.comparison(version, other) : titleOf(version, inUse)}
        </Header>
      }
      footer={<SameOnCommandLine command={compared ? `${command(version)}\n${command(other)}` : command(version)} />}
    >
      {error !== undefined ? (
        <Trouble error={error} />
      ) : left === undefined || right === undefined ? (
        <Spinner />
      ) : !compared ? (
        <Document text={left} label={label} />
      ) : left === right ? (
        <Box>{m.versions.alike}</Box>
      ) : (
        <Diff before={left} after={right} label={m.versions.comparison(version, other)} />
      )}
    </Container>
  );
}

interface ChooseProps {
  label: string;
  ids: string[];
  inUse: string;
  value: string;
  change: (id: string) => void;
}

function Choose({ label, ids, inUse, value, change }: ChooseProps) {
  const options = ids.map((id) => ({ value: id, label: titleOf(id, inUse) }));
  return (
    <Select
      inlineLabelText={label}
      selectedOption={options.find((option) => option.value === value) ?? null}
      options={options}
      expandToViewport
      onChange={({ detail }) => change(detail.selectedOption.value ?? inUse)}
    />
  );
}

export interface Version {
  id: string;
  created: Date | undefined;
}

interface TableProps {
  live: Live<unknown>;
  versions: Version[] | undefined;
  inUse: string;
  shown: Shown;
  description?: string;
  command: string;
  use: (id: string) => void;
  remove: (id: string) => void;
}

export function VersionTable({ live, versions, inUse, shown, description, command, use, remove }: TableProps) {
  const { choose } = shown;
  return (
    <SectionTable<Version>
      title={m.versions.title}
      description={description}
      live={live}
      rows={versions}
      none=""
      footer={<SameOnCommandLine command={command} />}
      columns={[
        {
          id: 'version',
          header: m.versions.column,
          isRowHeader: true,
          cell: ({ id }) => (
            <Whole>
              <Link onFollow={() => choose(id)} ariaLabel={m.versions.show(id)}>
                {id}
              </Link>
              {id === inUse ? ` (${m.versions.inUse})` : ''}
            </Whole>
          ),
        },
        { id: 'created', header: m.versions.created, cell: ({ created }) => <When at={created} /> },
        {
          id: 'actions',
          header: m.app.actions,
          minWidth: 260,
          cell: ({ id }) =>
            id === inUse ? (
              '–'
            ) : (
              <SpaceBetween direction="horizontal" size="xs">
                <Button onClick={() => choose(id, inUse)} ariaLabel={`${m.versions.compare}: ${id}`}>
                  {m.versions.compare}
                </Button>
                <Button onClick={() => use(id)} ariaLabel={`${m.versions.use}: ${id}`}>
                  {m.versions.use}
                </Button>
                <Button onClick={() => remove(id)} ariaLabel={`${m.versions.remove}: ${id}`}>
                  {m.versions.remove}
                </Button>
              </SpaceBetween>
            ),
        },
      ]}
    />
  );
}
