/** What would be decided for a certificate, and by which statement. The questions are in the URL. */
import AttributeEditor from '@cloudscape-design/components/attribute-editor';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState, type FormEvent } from 'react';

import { explain, type Explained } from '../../api/authorization';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { current } from '../../api/session';
import { m } from '../../messages';
import { SameOnCommandLine, Trouble } from '../../parts/feedback';
import { useView } from '../../parts/table';
import { listCertificates, listPolicies } from './data';
import { Decisions } from './decisions';
import { ACTIONS, MOST_QUESTIONS, nameOf, read, resourceOf, written, type Question } from './questions';

const FIRST: Question[] = [{ action: 'CONNECT', what: '' }];

export default function Simulator() {
  const view = useView('');
  const [certificate, setCertificate] = useState(view.get('certificate'));
  const [policy, setPolicy] = useState(view.get('policy'));
  const [clientId, setClientId] = useState(view.get('client'));
  const [questions, setQuestions] = useState<Question[]>(() => {
    const asked = read(view.get('ask'));
    return asked.length > 0 ? asked : FIRST;
  });
  const [results, setResults] = useState<Explained[]>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const { region = '', account = '' } = current() ?? {};
  const principal = certificate && `arn:aws:iot:${region}:${account}:cert/${certificate}`;
  // Connecting is asked about the client id that connects, unless another is given.
  const whole = questions.map(({ action, what }) => ({ action, what: what || (action === 'CONNECT' ? clientId : '') }));
  const input = {
    ...(principal ? { principal } : {}),
    ...(clientId ? { clientId } : {}),
    authInfos: whole.map((one) => ({ actionType: one.action, resources: [resourceOf(one, region, account)] })),
    ...(policy ? { policyNamesToAdd: [policy] } : {}),
  };
  const test = (event: FormEvent) => {
    event.preventDefault();
    view.set({ certificate, policy, client: clientId, ask: written(questions) });
    setBusy(true);
    setError(undefined);
    explain(input)
      .then(setResults, (failure: unknown) => {
        setResults(undefined);
        setError(failure);
      })
      .finally(() => setBusy(false));
  };
  const command = aws('iot', 'test-authorization', {
    principal: principal || (policy ? undefined : 'ARN'),
    'client-id': clientId,
    'auth-infos': input.authInfos,
    'policy-names-to-add': input.policyNamesToAdd,
  });
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={m.policies.simulatorText}>
          {m.policies.simulator}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <form onSubmit={test}>
          <Container footer={<SameOnCommandLine command={command} />}>
            <SpaceBetween size="m">
              <ChooseCertificate value={certificate} change={setCertificate} />
              <ChoosePolicy value={policy} change={setPolicy} />
              <FormField label={m.policies.clientId} description={m.policies.clientIdHint}>
                <Input value={clientId} spellcheck={false} onChange={({ detail }) => setClientId(detail.value)} />
              </FormField>
              <Ask questions={questions} clientId={clientId} change={setQuestions} />
              <Button variant="primary" formAction="submit" loading={busy} disabled={!principal && !policy}>
                {m.policies.test}
              </Button>
            </SpaceBetween>
          </Container>
        </form>
        {error !== undefined && <Trouble error={error} />}
        {results && <Decisions results={results} />}
      </SpaceBetween>
    </ContentLayout>
  );
}

interface ChooseProps {
  value: string;
  change: (value: string) => void;
}

function ChooseCertificate({ value, change }: ChooseProps) {
  const live = useLive('certificates to test', listCertificates, false);
  const none = { value: '', label: m.certificates.none };
  const found = (live.data ?? []).map(({ certificateId = '', status }) => ({ value: certificateId, label: certificateId, description: status }));
  // One that is not listed, to a reader who may not list, can still be asked about.
  const options = [none, ...(value && !found.some((one) => one.value === value) ? [{ value, label: value }] : []), ...found];
  return (
    <>
      {live.error !== undefined && <Trouble error={live.error} />}
      <FormField label={m.policies.principal} description={m.policies.principalHint}>
        <Select
          selectedOption={options.find((option) => option.value === value) ?? none}
          options={options}
          filteringType="auto"
          virtualScroll
          onChange={({ detail }) => change(detail.selectedOption.value ?? '')}
        />
      </FormField>
    </>
  );
}

function ChoosePolicy({ value, change }: ChooseProps) {
  const live = useLive('policies to try', listPolicies, false);
  const none = { value: '', label: m.certificates.none };
  const names = new Set([...(value ? [value] : []), ...(live.data ?? []).map(({ policyName = '' }) => policyName)]);
  const options = [none, ...[...names].map((name) => ({ value: name, label: name }))];
  return (
    <FormField label={m.policies.tried} description={m.policies.triedHint}>
      <Select
        selectedOption={options.find((option) => option.value === value) ?? none}
        options={options}
        filteringType="auto"
        virtualScroll
        onChange={({ detail }) => change(detail.selectedOption.value ?? '')}
      />
    </FormField>
  );
}

interface AskProps {
  questions: Question[];
  clientId: string;
  change: (questions: Question[]) => void;
}

function Ask({ questions, clientId, change }: AskProps) {
  const edit = (at: number, part: Partial<Question>) =>
    change(questions.map((one, other) => (other === at ? { ...one, ...part } : one)));
  const options = ACTIONS.map((action) => ({ value: action, label: nameOf(action) }));
  return (
    <AttributeEditor
      items={questions}
      addButtonText={m.policies.ask}
      disableAddButton={questions.length >= MOST_QUESTIONS}
      additionalInfo={questions.length >= MOST_QUESTIONS ? m.policies.mostQuestions(MOST_QUESTIONS) : undefined}
      onAddButtonClick={() => change([...questions, { action: 'PUBLISH', what: '' }])}
      onRemoveButtonClick={({ detail }) => change(questions.filter((_, at) => at !== detail.itemIndex))}
      isItemRemovable={() => questions.length > 1}
      removeButtonText={m.policies.removeQuestion}
      removeButtonAriaLabel={({ action, what }) => m.policies.removeQuestionOf(nameOf(action), what)}
      definition={[
        {
          label: m.policies.action,
          control: ({ action }, at) => (
            <Select
              ariaLabel={m.policies.action}
              selectedOption={options.find((option) => option.value === action) ?? null}
              options={options}
              expandToViewport
              onChange={({ detail }) => {
                const chosen = ACTIONS.find((each) => each === detail.selectedOption.value);
                if (chosen) edit(at, { action: chosen });
              }}
            />
          ),
        },
        {
          label: m.policies.resource,
          control: ({ action, what }, at) => (
            <Input
              ariaLabel={m.policies.resource}
              value={what}
              spellcheck={false}
              placeholder={action === 'CONNECT' ? clientId : ''}
              onChange={({ detail }) => edit(at, { what: detail.value })}
            />
          ),
        },
      ]}
    />
  );
}
