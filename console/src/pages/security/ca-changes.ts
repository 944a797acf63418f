/** What can be done to a CA, each with its question and its command. */
import {
  DeleteCACertificateCommand,
  UpdateCACertificateCommand,
  type AutoRegistrationStatus,
  type CACertificateDescription,
  type CACertificateStatus,
} from '@aws-sdk/client-iot';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { m } from '../../messages';

export interface Change {
  action: string;
  text: string;
  command: string;
  done: string;
  work: () => Promise<unknown>;
}

export function changesOf(ca: CACertificateDescription): Record<string, Change & { disabled: boolean }> {
  const certificateId = ca.certificateId ?? '';
  const status = (to: CACertificateStatus, action: string, text: string) => ({
    action,
    text,
    done: m.cas.updated,
    disabled: ca.status === to,
    command: aws('iot', 'update-ca-certificate', { 'certificate-id': certificateId, 'new-status': to }),
    work: () => clients().iot.send(new UpdateCACertificateCommand({ certificateId, newStatus: to })),
  });
  const auto = (to: AutoRegistrationStatus, action: string, text: string) => ({
    action,
    text,
    done: m.cas.updated,
    disabled: ca.autoRegistrationStatus === to,
    command: aws('iot', 'update-ca-certificate', { 'certificate-id': certificateId, 'new-auto-registration-status': to }),
    work: () => clients().iot.send(new UpdateCACertificateCommand({ certificateId, newAutoRegistrationStatus: to })),
  });
  const active = ca.status === 'ACTIVE';
  const deactivate = status('INACTIVE', m.cas.deactivate, m.cas.deactivateText);
  return {
    activate: status('ACTIVE', m.cas.activate, m.cas.activateText),
    deactivate,
    on: auto('ENABLE', m.cas.turnOn, m.cas.activateText),
    off: auto('DISABLE', m.cas.turnOff, m.cas.deactivateText),
    delete: {
      action: m.cas.remove,
      text: active ? `${m.cas.removeActive} ${m.cas.removeText}` : m.cas.removeText,
      done: m.cas.removed,
      disabled: false,
      command: [...(active ? [deactivate.command] : []), aws('iot', 'delete-ca-certificate', { 'certificate-id': certificateId })].join('\n'),
      work: async () => {
        if (active) await deactivate.work();
        await clients().iot.send(new DeleteCACertificateCommand({ certificateId }));
      },
    },
  };
}
