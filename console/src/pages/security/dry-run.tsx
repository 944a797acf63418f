/** What a provisioning template would make. */
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useState } from 'react';

import { plan, type Plan } from '../../api/provisioning';
import { m } from '../../messages';
import { Trouble } from '../../parts/feedback';
import { indented } from '../../parts/json';
import { parametersOf } from './template-data';

interface Props {
  name: string;
  /** The version that is tried; without one the body is. */
  version?: number;
  body: string;
  /** Inside another form. */
  embedded?: boolean;
}

export function DryRun({ name, version, body, embedded }: Props) {
  const [values, setValues] = useState<Record<string, string>>({});
  const [result, setResult] = useState<Plan>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const parameters = parametersOf(body);
  const run = () => {
    const given = parameters.map(({ name }) => [name, values[name] ?? ''] as const).filter(([, value]) => value !== '');
    const what = version === undefined ? { templateBody: body } : { versionId: version };
    setBusy(true);
    setError(undefined);
    setResult(undefined);
    plan(name, { ...what, parameters: Object.fromEntries(given) })
      .then(setResult, setError)
      .finally(() => setBusy(false));
  };
  const content = (
    <SpaceBetween size="m">
      {parameters.length === 0 && <Box>{m.template.noParameters}</Box>}
      {parameters.map((parameter) => (
        <FormField
          key={parameter.name}
          label={parameter.name}
          constraintText={parameter.default === undefined ? undefined : m.template.defaultIs(parameter.default)}
        >
          <Input
            value={values[parameter.name] ?? ''}
            spellcheck={false}
            placeholder={parameter.default ?? ''}
            onChange={({ detail }) => setValues({ ...values, [parameter.name]: detail.value })}
          />
        </FormField>
      ))}
      <Button loading={busy} formAction="none" onClick={run}>
        {m.template.run}
      </Button>
      <div role="status">
        {error !== undefined && <Trouble error={error} />}
        {result && <Result result={result} />}
      </div>
    </SpaceBetween>
  );
  if (embedded) return content;
  return (
    <Container
      header={
        <Header variant="h2" description={m.template.dryRunText}>
          {m.template.dryRun}
        </Header>
      }
    >
      {content}
    </Container>
  );
}

function pairs(of: Record<string, string>): string {
  const lines = Object.entries(of).map(([name, value]) => `${name} = ${value}`);
  return lines.length > 0 ? lines.join(', ') : '–';
}

function Result({ result }: { result: Plan }) {
  const { succeeds, step = '', reason, thing, certificateStatus, policies, deviceConfiguration, calls } = result;
  return (
    <SpaceBetween size="m">
      {succeeds ? (
        <Alert type="success" header={m.template.succeeds}>
          {calls.length === 0 && m.template.nothingMissing}
        </Alert>
      ) : (
        <Alert type="error" header={m.template.fails(step)}>
          {reason}
        </Alert>
      )}
      {thing && (
        <>
          <Box variant="h3">{m.template.asked}</Box>
          <KeyValuePairs
            columns={3}
            minColumnWidth={150}
            items={[
              { label: m.template.thing, value: <span className="token">{thing.thingName}</span> },
              { label: m.things.type, value: thing.thingTypeName ?? '–' },
              { label: m.template.attributes, value: <span className="token">{pairs(thing.attributes)}</span> },
              { label: m.template.groups, value: thing.thingGroups.join(', ') || '–' },
              { label: m.template.certificate, value: certificateStatus ?? '–' },
              { label: m.template.configuration, value: <span className="token">{pairs(deviceConfiguration)}</span> },
            ]}
          />
        </>
      )}
      {policies.map(({ policyName, policyDocument }) =>
        policyDocument ? (
          <ExpandableSection key={policyName} headerText={m.template.document(policyName)}>
            <pre className="document" tabIndex={0} aria-label={m.template.document(policyName)}>
              {indented(policyDocument)}
            </pre>
          </ExpandableSection>
        ) : (
          <Box key={policyName}>
            {m.policies.name}: {policyName}
          </Box>
        ),
      )}
      {calls.length > 0 && <Calls calls={calls} />}
    </SpaceBetween>
  );
}

function Calls({ calls }: { calls: Plan['calls'] }) {
  return (
    <Table<Plan['calls'][number]>
      variant="embedded"
      wrapLines
      items={calls}
      ariaLabels={{ tableLabel: m.template.calls }}
      header={<Header variant="h3">{m.template.calls}</Header>}
      columnDefinitions={[
        { id: 'operation', header: m.template.operation, isRowHeader: true, cell: ({ operation }) => operation },
        { id: 'on', header: m.template.on, cell: ({ resource }) => <span className="token">{resource}</span> },
      ]}
    />
  );
}
