/** The frame around all pages, and which page is shown. */
import AppLayout from '@cloudscape-design/components/app-layout';
import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import Flashbar from '@cloudscape-design/components/flashbar';
import SideNavigation, { type SideNavigationProps } from '@cloudscape-design/components/side-navigation';
import Spinner from '@cloudscape-design/components/spinner';
import TopNavigation, { type TopNavigationProps } from '@cloudscape-design/components/top-navigation';
import { Suspense, useEffect, useState, type ReactNode } from 'react';

import { expire, signOut, useSession, type Session } from './api/session';
import { m } from './messages';
import { SignIn } from './pages/sign-in';
import { useNotices } from './parts/feedback';
import { Fence, part } from './parts/fence';
import { chooseLanguage, languages } from './parts/language';
import { appearance, choose, type Appearance } from './parts/mode';
import { usePlace, type Place } from './router';

const TunnelList = part(() => import('./pages/tunnels/list'));
const CreateTunnel = part(() => import('./pages/tunnels/create'));
const TunnelDetail = part(() => import('./pages/tunnels/detail'));
const ThingList = part(() => import('./pages/things/list'));
const ThingDetail = part(() => import('./pages/things/detail'));
const CertificateList = part(() => import('./pages/security/certificates'));
const CertificateDetail = part(() => import('./pages/security/certificate'));
const PolicyList = part(() => import('./pages/security/policies'));
const PolicyDetail = part(() => import('./pages/security/policy'));
const Simulator = part(() => import('./pages/security/simulator'));
const Onboarding = part(() => import('./pages/security/onboarding'));
const CaDetail = part(() => import('./pages/security/ca'));
const RegisterCa = part(() => import('./pages/security/register-ca'));
const TemplateList = part(() => import('./pages/security/templates'));
const TemplateDetail = part(() => import('./pages/security/template'));
const UserList = part(() => import('./pages/users/list'));
const UserDetail = part(() => import('./pages/users/detail'));
const MqttTest = part(() => import('./pages/mqtt/page'));
const Audit = part(() => import('./pages/audit'));
const Refusals = part(() => import('./pages/refusals'));
const Settings = part(() => import('./pages/settings/page'));
const NotFound = part(() => import('./pages/not-found'));

interface Page {
  title: string;
  /** Its place in the navigation. */
  section: string;
  content: ReactNode;
  parents?: { text: string; href: string }[];
}

function pageOf({ path, query }: Place): Page {
  const [area, name, more] = path;
  const tunnels = { text: m.tunnels.title, href: '#/tunnels' };
  const things = { text: m.things.title, href: '#/things' };
  if (path.length === 0) return { title: m.tunnels.title, section: '#/tunnels', content: <TunnelList /> };
  if (area === 'tunnels' && !name) return { title: m.tunnels.title, section: '#/tunnels', content: <TunnelList /> };
  if (area === 'tunnels' && name === 'create') {
    const content = <CreateTunnel key={query.toString()} />;
    return { title: m.create.title, section: '#/tunnels', parents: [tunnels], content };
  }
  if (area === 'tunnels' && name && !more) {
    return { title: name, section: '#/tunnels', parents: [tunnels], content: <TunnelDetail key={name} id={name} /> };
  }
  if (area === 'things' && !name) return { title: m.things.title, section: '#/things', content: <ThingList /> };
  if (area === 'things' && name && !more) {
    return { title: name, section: '#/things', parents: [things], content: <ThingDetail key={name} name={name} /> };
  }
  const security = securityPage(area, name, more);
  if (security) return security;
  if (area === 'refusals' && !name) return { title: m.refusals.title, section: '#/refusals', content: <Refusals /> };
  if (area === 'audit' && !name) return { title: m.audit.title, section: '#/audit', content: <Audit /> };
  if (area === 'settings' && !more && (!name || name === 'limits')) {
    const tab = name === 'limits' ? 'limits' : 'server';
    return { title: m.settings.title, section: '#/settings', content: <Settings tab={tab} /> };
  }
  return { title: m.app.notFound, section: '', content: <NotFound /> };
}

function securityPage(area?: string, name?: string, more?: string): Page | undefined {
  if (more) return undefined;
  if (area === 'mqtt' && !name) return { title: m.mqtt.title, section: '#/mqtt', content: <MqttTest /> };
  if (area === 'simulator' && !name) return { title: m.policies.simulator, section: '#/simulator', content: <Simulator /> };
  if (area === 'onboarding') return onboardingPage(name);
  if (area === 'users') {
    const section = '#/users';
    if (!name) return { title: m.users.title, section, content: <UserList /> };
    const parents = [{ text: m.users.title, href: section }];
    return { title: name, section, parents, content: <UserDetail key={name} name={name} /> };
  }
  if (area === 'templates') {
    const section = '#/templates';
    if (!name) return { title: m.templates.title, section, content: <TemplateList /> };
    const parents = [{ text: m.templates.title, href: section }];
    return { title: name, section, parents, content: <TemplateDetail key={name} name={name} /> };
  }
  if (area === 'certificates') {
    const section = '#/certificates';
    if (!name) return { title: m.certificates.title, section, content: <CertificateList /> };
    const parents = [{ text: m.certificates.title, href: section }];
    return { title: name, section, parents, content: <CertificateDetail key={name} id={name} /> };
  }
  if (area === 'policies') {
    const section = '#/policies';
    if (!name) return { title: m.policies.title, section, content: <PolicyList /> };
    const parents = [{ text: m.policies.title, href: section }];
    return { title: name, section, parents, content: <PolicyDetail key={name} name={name} /> };
  }
  return undefined;
}

function onboardingPage(name?: string): Page {
  const section = '#/onboarding';
  const parents = [{ text: m.cas.title, href: section }];
  if (!name) return { title: m.cas.title, section, content: <Onboarding /> };
  if (name === 'register') return { title: m.ca.register, section, parents, content: <RegisterCa /> };
  return { title: name, section, parents, content: <CaDetail key={name} id={name} /> };
}

const link = (text: string, name: string): SideNavigationProps.Link => ({ type: 'link', text, href: `#/${name}` });
const group = (title: string, ...items: SideNavigationProps.Link[]): SideNavigationProps.SectionGroup => ({ type: 'section-group', title, items });

const NAVIGATION: SideNavigationProps.Item[] = [
  group(m.app.manage, link(m.tunnels.title, 'tunnels'), link(m.things.title, 'things'), link(m.mqtt.title, 'mqtt')),
  group(
    m.app.security,
    link(m.certificates.title, 'certificates'),
    link(m.policies.title, 'policies'),
    link(m.policies.simulator, 'simulator'),
    link(m.cas.title, 'onboarding'),
    link(m.templates.title, 'templates'),
    link(m.users.title, 'users'),
  ),
  group(m.app.monitor, link(m.refusals.title, 'refusals'), link(m.audit.title, 'audit')),
  { type: 'divider' },
  link(m.settings.title, 'settings'),
];

/** Pages that are one table, which takes all the room there is. */
const TABLES = ['tunnels', 'things', 'certificates', 'policies', 'templates', 'users', 'refusals', 'audit'].map((name) => `#/${name}`);

/** Milliseconds that a timer takes at most. */
const LONGEST = 2 ** 31 - 1;

/** Nothing while there is one language only. */
function languageMenu(): TopNavigationProps.Utility[] {
  const { current, all } = languages();
  if (all.length < 2) return [];
  return [
    {
      type: 'menu-dropdown',
      iconName: 'globe',
      ariaLabel: m.languages.title,
      title: m.languages.title,
      items: all.map(({ id, name }) => ({ id, text: name, itemType: 'checkbox', checked: id === current })),
      onItemClick: ({ detail }) => chooseLanguage(detail.id),
    },
  ];
}

function Top({ session }: { session: Session }) {
  const [shown, setShown] = useState(appearance());
  const caller = session.arn.split(':').slice(5).join(':') || session.arn;
  const looks: Appearance[] = ['system', 'light', 'dark'];
  return (
    <div id="top">
      <TopNavigation
        identity={{ href: '#/tunnels', title: m.app.name }}
        utilities={[
          {
            type: 'menu-dropdown',
            iconName: 'settings',
            ariaLabel: m.app.appearance,
            title: m.app.appearance,
            items: looks.map((look) => ({
              id: look,
              text: m.app[look],
              itemType: 'checkbox',
              checked: look === shown,
            })),
            onItemClick: ({ detail }) => {
              choose(detail.id as Appearance);
              setShown(detail.id as Appearance);
            },
          },
          ...languageMenu(),
          {
            type: 'menu-dropdown',
            iconName: 'user-profile',
            text: caller,
            description: m.app.account(session.account, session.region),
            items: [{ id: 'sign-out', text: m.app.signOut }],
            onItemClick: ({ detail }) => {
              if (detail.id === 'sign-out') signOut();
            },
          },
        ]}
      />
    </div>
  );
}

export function App() {
  const session = useSession();
  const place = usePlace();
  const { items } = useNotices();
  const page = pageOf(place);
  const signedIn = session !== null && place.path[0] !== 'sign-in';
  useEffect(() => {
    document.title = m.app.title(signedIn ? page.title : m.signIn.button);
  }, [signedIn, page.title]);

  const expiresAt = session?.expiresAt;
  useEffect(() => {
    if (expiresAt === undefined) return;
    const timer = setTimeout(expire, Math.min(Math.max(0, expiresAt - Date.now()), LONGEST));
    return () => clearTimeout(timer);
  }, [expiresAt]);

  if (!signedIn) return <SignIn place={place} />;
  const parents = page.parents ?? [];
  return (
    <>
      <Top session={session} />
      <AppLayout
        headerSelector="#top"
        toolsHide
        contentType={TABLES.includes(page.section) && parents.length === 0 ? 'table' : 'default'}
        navigationWidth={230}
        navigation={
          <SideNavigation
            header={{ text: m.app.name, href: '#/tunnels' }}
            activeHref={page.section}
            items={NAVIGATION}
          />
        }
        ariaLabels={{ navigation: m.app.navigation }}
        breadcrumbs={
          parents.length > 0 ? <BreadcrumbGroup items={[...parents, { text: page.title, href: location.hash }]} /> : undefined
        }
        notifications={<Flashbar items={items} stackItems />}
        content={
          <Fence key={place.path.join('/')}>
            <Suspense fallback={<Spinner size="large" />}>{page.content}</Suspense>
          </Fence>
        }
      />
    </>
  );
}
