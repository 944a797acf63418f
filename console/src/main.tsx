import '@cloudscape-design/global-styles/index.css';
import './style.css';

import { I18nProvider } from '@cloudscape-design/components/i18n';
import messages from '@cloudscape-design/components/i18n/messages/all.en';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from './app';
import { NoticeProvider } from './parts/feedback';
import * as mode from './parts/mode';

mode.start();

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <I18nProvider locale="en" messages={[messages]}>
        <NoticeProvider>
          <App />
        </NoticeProvider>
      </I18nProvider>
    </StrictMode>,
  );
}
