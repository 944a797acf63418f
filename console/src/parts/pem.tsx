/** A text that is pasted, or read from a file. */
import FileInput from '@cloudscape-design/components/file-input';
import FormField from '@cloudscape-design/components/form-field';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import type { ReactNode } from 'react';

import { m } from '../messages';

interface Props {
  label: string;
  description?: string;
  placeholder?: string;
  error?: ReactNode;
  rows?: number;
  value: string;
  change: (text: string) => void;
}

/** Bytes of a file that are read. */
const MOST = 64 * 1024;

export function TextOrFile({ label, description, placeholder, error, rows, value, change }: Props) {
  return (
    <FormField label={label} description={description} errorText={error} stretch>
      <SpaceBetween size="xs">
        <div className="typed">
          <Textarea
            value={value}
            rows={rows ?? 5}
            spellcheck={false}
            placeholder={placeholder}
            onChange={({ detail }) => change(detail.value)}
          />
        </div>
        <FileInput
          value={[]}
          ariaLabel={`${m.ca.chooseFile}: ${label}`}
          onChange={({ detail }) => void detail.value[0]?.slice(0, MOST).text().then(change)}
        >
          {m.ca.chooseFile}
        </FileInput>
      </SpaceBetween>
    </FormField>
  );
}

/** Whether it holds what PEM calls so; a certificate without. */
export function isPem(text: string, what = 'CERTIFICATE'): boolean {
  return new RegExp(String.raw`-----BEGIN ${what}-----[\s\S]+-----END ${what}-----`).test(text);
}
