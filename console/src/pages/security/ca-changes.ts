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
  return {
    activate: status('ACTIVE', m.cas.activate, m.cas.activateText),
    deactivate: status('INACTIVE', m.cas.deactivate, m.cas.deactivateText),
    on: auto('ENABLE', m.cas.turnOn, m.cas.activateText),
    off: auto('DISABLE', m.cas.turnOff, m.cas.deactivateText),
    delete: {
      action: m.cas.remove,
      text: m.cas.removeText,
      done: m.cas.removed,
      disabled: ca.status === 'ACTIVE',
      command: aws('iot', 'delete-ca-certificate', { 'certificate-id': certificateId }),
      work: () => clients().iot.send(new DeleteCACertificateCommand({ certificateId })),
    },
  };
}
