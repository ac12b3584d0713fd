import { HISTORY, hrefOf } from '../../lib/routes.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Icon, type IconName } from '../common/icon.tsx';
import { IconButton } from '../common/icon-button.tsx';

export function Header() {
  const { router, preferences } = useApp();
  const { nav } = useWords();
  const { language, scheme } = preferences;
  const here = router.route.value.name;
  const links: readonly { name: string; href: string; label: string; icon: IconName }[] = [
    { name: 'edit', href: hrefOf({ name: 'edit' }), label: nav.edit, icon: 'wand' },
    { name: 'history', href: hrefOf(HISTORY), label: nav.history, icon: 'history' },
    { name: 'status', href: hrefOf({ name: 'status' }), label: nav.status, icon: 'info' },
  ];
  return (
    <header class="top">
      <a class="brand" href={hrefOf({ name: 'edit' })} aria-label="qwen-edit">
        <Mark />
        <span class="brand-name">qwen-edit</span>
      </a>
      <nav aria-label={nav.label}>
        <ul class="nav">
          {links.map(({ name, href, label, icon }) => (
            <li key={name}>
              <a href={href} aria-current={here === name ? 'page' : undefined}>
                <Icon name={icon} size={18} />
                <span>{label}</span>
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div class="top-tools">
        <button
          type="button"
          class="icon-button text"
          lang={language.value === 'en' ? 'zh-CN' : 'en'}
          title={nav.switchLanguage}
          aria-label={nav.switchLanguage}
          onClick={() => {
            language.value = language.value === 'en' ? 'zh' : 'en';
          }}
        >
          {nav.otherLanguage}
        </button>
        <IconButton
          icon={scheme.value === 'dark' ? 'sun' : 'moon'}
          label={scheme.value === 'dark' ? nav.toLight : nav.toDark}
          onClick={() => {
            scheme.value = scheme.value === 'dark' ? 'light' : 'dark';
          }}
        />
      </div>
    </header>
  );
}

/** A picture of which one half is edited. */
function Mark() {
  return (
    <svg class="mark" width="28" height="28" viewBox="0 0 28 28" aria-hidden="true">
      <rect x="2" y="2" width="24" height="24" rx="7" class="mark-before" />
      <path d="M14 2h5a7 7 0 0 1 7 7v10a7 7 0 0 1-7 7h-5Z" class="mark-after" />
      <path d="M14 1v26" class="mark-line" />
      <circle cx="14" cy="14" r="3.2" class="mark-knob" />
    </svg>
  );
}
