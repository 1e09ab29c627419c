import type { ComponentChildren } from 'preact';
import { useKiosk } from '../context.ts';
import { Icon } from './icon.tsx';

export interface MessageProps {
  kind: 'error' | 'warning' | 'info' | 'success';
  title: string;
  children?: ComponentChildren;
  /** Shows a button that takes the message away. */
  onDismiss?: () => void;
}

const ICONS = { error: 'warning', warning: 'warning', info: 'info', success: 'check' } as const;

/** A box that tells one thing; read out by screen readers when it appears, errors at once. */
export function Message({ kind, title, children, onDismiss }: MessageProps) {
  const { texts } = useKiosk();
  return (
    <div class={`message ${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
      <Icon name={ICONS[kind]} />
      <div class="message-text">
        <strong>{title}</strong>
        {children}
      </div>
      {onDismiss && (
        <button type="button" class="icon-button" aria-label={texts.common.dismiss} onClick={onDismiss}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
