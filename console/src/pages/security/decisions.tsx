/** The simulator's answers: each decision, the sentence why, and the statements that made it. */
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';

import type { Explained, Statement } from '../../api/authorization';
import { m } from '../../messages';
import { Document, Token } from '../../parts/detail';
import { Said } from '../../parts/feedback';
import { href } from '../../router';
import { nameOf } from './questions';

function titleOf({ decision }: Explained): string {
  if (decision === 'ALLOWED') return m.policies.allowed;
  return decision === 'EXPLICIT_DENY' ? m.policies.explicitly : m.policies.implicitly;
}

export function Decisions({ results }: { results: Explained[] }) {
  return (
    <div role="status">
      <SpaceBetween size="m">
        {results.map((result, at) => (
          <div key={at} data-answer={result.decision}>
            <Decision result={result} />
          </div>
        ))}
      </SpaceBetween>
    </div>
  );
}

function Decision({ result }: { result: Explained }) {
  const { actionType, resource, reason, statements, policies, missingContextValues, thingName } = result;
  return (
    <Alert type={result.decision === 'ALLOWED' ? 'success' : 'error'} header={titleOf(result)}>
      <SpaceBetween size="xs">
        <Token>
          {nameOf(actionType)} {resource}
        </Token>
        <Token>
          <Said>{reason}</Said>
        </Token>
        {statements.map((one) => (
          <ShowStatement key={`${one.policyName} ${one.number}`} one={one} />
        ))}
        {missingContextValues.length > 0 && <Box>{m.policies.missing(missingContextValues.join(', '))}</Box>}
        <Box>
          {policies.length > 0 ? m.policies.counted : m.policies.noneCounts}
          {policies.map((name, at) => (
            <span key={name}>
              {at > 0 && ', '}
              <Link href={href(['policies', name])}>
                {name}
              </Link>
            </span>
          ))}
        </Box>
        {thingName && (
          <Box>
            {m.policies.asThing}
            <Link href={href(['things', thingName])}>
              {thingName}
            </Link>
          </Box>
        )}
      </SpaceBetween>
    </Alert>
  );
}

function ShowStatement({ one: { policyName, number, sid, statement } }: { one: Statement }) {
  const label = m.policies.statement(number, sid);
  return (
    <div>
      <Box>
        {label}{' '}
        <Link href={href(['policies', policyName])}>
          {policyName}
        </Link>
      </Box>
      <Document text={JSON.stringify(statement, null, 2)} label={`${label} ${policyName}`} />
    </div>
  );
}
