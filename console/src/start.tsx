/** Shows the pages, in the language that `main.tsx` has loaded. */
import { I18nProvider, type I18nProviderProps } from '@cloudscape-design/components/i18n';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from './app';
import { PSEUDO } from './messages/languages';
import { NoticeProvider } from './parts/feedback';
import * as mode from './parts/mode';

export function start(language: string, components: I18nProviderProps.Messages): void {
  mode.start();
  const root = document.getElementById('root');
  if (!root) return;
  createRoot(root).render(
    <StrictMode>
      <I18nProvider locale={language === PSEUDO ? 'en' : language} messages={[components]}>
        <NoticeProvider>
          <App />
        </NoticeProvider>
      </I18nProvider>
    </StrictMode>,
  );
}
