/** What would be decided for a certificate, and by which policy. */
import { TestAuthorizationCommand, type ActionType, type AuthResult } from '@aws-sdk/client-iot';
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState, type FormEvent } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { current } from '../../api/session';
import { m } from '../../messages';
import { SameOnCommandLine, Trouble } from '../../parts/feedback';
import { listCertificates } from './data';

const KINDS: Record<string, string> = { CONNECT: 'client', PUBLISH: 'topic', RECEIVE: 'topic', SUBSCRIBE: 'topicfilter' };
const ACTIONS = Object.keys(KINDS).map((action) => ({ value: action, label: `iot:${action[0]}${action.slice(1).toLowerCase()}` }));

/** The ARN of what an action is done to. */
export function resourceOf(action: string, what: string, region: string, account: string): string {
  return what.startsWith('arn:') ? what : `arn:aws:iot:${region}:${account}:${KINDS[action]}/${what}`;
}

export default function Simulator() {
  const certificates = useLive('certificates to test', listCertificates, false);
  const [principal, setPrincipal] = useState('');
  const [clientId, setClientId] = useState('');
  const [action, setAction] = useState('CONNECT');
  const [what, setWhat] = useState('');
  const [result, setResult] = useState<AuthResult>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const session = current();
  const resource = resourceOf(action, what || clientId, session?.region ?? '', session?.account ?? '');
  const input = {
    principal,
    ...(clientId ? { clientId } : {}),
    authInfos: [{ actionType: action as ActionType, resources: [resource] }],
  };
  const options = (certificates.data ?? []).map((one) => ({
    value: one.certificateArn ?? '',
    label: one.certificateId ?? '',
    description: one.status,
  }));
  const test = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    clients()
      .iot.send(new TestAuthorizationCommand(input))
      .then(
        (answer) => setResult(answer.authResults?.[0]),
        (failure: unknown) => {
          setResult(undefined);
          setError(failure);
        },
      )
      .finally(() => setBusy(false));
  };
  const command = aws('iot', 'test-authorization', {
    principal: principal || 'ARN',
    'client-id': clientId || undefined,
    'auth-infos': input.authInfos,
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
              {certificates.error !== undefined && <Trouble error={certificates.error} />}
              <FormField label={m.policies.principal} description={m.policies.principalHint}>
                <Select
                  selectedOption={options.find((option) => option.value === principal) ?? null}
                  options={options}
                  filteringType="auto"
                  placeholder={m.policies.principal}
                  empty={m.certificates.first}
                  onChange={({ detail }) => setPrincipal(detail.selectedOption.value ?? '')}
                />
              </FormField>
              <FormField label={m.policies.clientId}>
                <Input value={clientId} spellcheck={false} onChange={({ detail }) => setClientId(detail.value)} />
              </FormField>
              <FormField label={m.policies.action}>
                <Select
                  selectedOption={ACTIONS.find((option) => option.value === action) ?? null}
                  options={ACTIONS}
                  onChange={({ detail }) => setAction(detail.selectedOption.value ?? 'CONNECT')}
                />
              </FormField>
              <FormField label={m.policies.resource} constraintText={resource}>
                <Input value={what} spellcheck={false} placeholder={clientId} onChange={({ detail }) => setWhat(detail.value)} />
              </FormField>
              <Button variant="primary" formAction="submit" loading={busy} disabled={!principal}>
                {m.policies.test}
              </Button>
            </SpaceBetween>
          </Container>
        </form>
        {error !== undefined && <Trouble error={error} />}
        {result && <Result result={result} />}
      </SpaceBetween>
    </ContentLayout>
  );
}

function Result({ result }: { result: AuthResult }) {
  const { authDecision, allowed, denied, missingContextValues = [] } = result;
  const names = (policies: { policyName?: string }[] | undefined) =>
    policies?.map((policy) => policy.policyName).join(', ') ?? '';
  const [type, header, by] =
    authDecision === 'ALLOWED'
      ? (['success', m.policies.allowed, names(allowed?.policies)] as const)
      : authDecision === 'EXPLICIT_DENY'
        ? (['error', m.policies.explicitly, names(denied?.explicitDeny?.policies)] as const)
        : (['error', m.policies.implicitly, ''] as const);
  return (
    <div role="status">
      <Alert type={type} header={header}>
        {by && <Box>{m.policies.by(by)}</Box>}
        {missingContextValues.length > 0 && <Box>{m.policies.missing(missingContextValues.join(', '))}</Box>}
      </Alert>
    </div>
  );
}
