import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useId } from '../hooks.ts';
import { Icon, type IconName } from './icon.tsx';

export interface MenuItem {
  key: string;
  text: string;
  icon?: IconName;
  /** For choices of which one is in use. */
  checked?: boolean;
  /** Language of the text, where it is not the page's. */
  lang?: string;
  onChoose: () => void;
}

export interface MenuProps {
  /** What the menu is for, for screen readers. */
  label: string;
  /** What its button shows beside the icon. */
  text: string;
  icon: IconName;
  items: readonly MenuItem[];
}

/**
 * A button in the status bar that opens a short menu above it. Keys as in every menu: arrows, Home, End, first
 * letter, Enter; Escape and Tab close it.
 */
export function Menu({ label, text, icon, items }: MenuProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const entries = () => [...(list.current?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [])];

  // Before the next key arrives: a person who knows the way types faster than a frame.
  useLayoutEffect(() => {
    if (!open) return;
    const all = entries();
    (all.find((e) => e.getAttribute('aria-checked') === 'true') ?? all[0])?.focus();
    const closeOutside = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', closeOutside);
    return () => document.removeEventListener('pointerdown', closeOutside);
  }, [open]);

  const close = () => {
    setOpen(false);
    button.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) {
      if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
      setOpen(true);
    } else if (event.key === 'Escape') close();
    else if (event.key === 'Tab') return setOpen(false);
    else {
      const all = entries();
      const next = nextEntry(all, event.key);
      if (!next) return;
      next.focus();
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: catches the keys of the button and the menu inside it
    <div class="menu-root" ref={root} onKeyDown={onKeyDown}>
      <button
        type="button"
        class="status-button"
        ref={button}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={text === label ? label : `${label}: ${text}`}
        onClick={() => setOpen(!open)}
      >
        <Icon name={icon} />
        <span>{text}</span>
        <Icon name="chevron" />
      </button>
      {open && (
        <div class="menu" role="menu" id={id} aria-label={label} ref={list}>
          {items.map((item) => (
            // biome-ignore lint/a11y/useAriaPropsSupportedByRole: only menuitemradio items have `checked`
            <button
              key={item.key}
              type="button"
              class="menu-item"
              role={item.checked === undefined ? 'menuitem' : 'menuitemradio'}
              aria-checked={item.checked}
              lang={item.lang}
              tabIndex={-1}
              onClick={() => {
                close();
                item.onChoose();
              }}
            >
              {item.icon ? (
                <Icon name={item.icon} />
              ) : (
                <span class="tick">{item.checked && <Icon name="check" />}</span>
              )}
              <span>{item.text}</span>
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function nextEntry(all: HTMLElement[], key: string): HTMLElement | undefined {
  const at = all.indexOf(document.activeElement as HTMLElement);
  switch (key) {
    case 'ArrowDown':
      return all[(at + 1) % all.length];
    case 'ArrowUp':
      return all[(at - 1 + all.length) % all.length];
    case 'Home':
      return all[0];
    case 'End':
      return all.at(-1);
    default: {
      if (key.length !== 1 || key === ' ') return undefined;
      const from = [...all.slice(at + 1), ...all.slice(0, at + 1)];
      return from.find((e) => e.textContent?.trim().toLowerCase().startsWith(key.toLowerCase()));
    }
  }
}
