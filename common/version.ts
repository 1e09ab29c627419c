import packageJson from '../package.json' with { type: 'json' };

/** The version of FlexDeploy that this is; esbuild puts it into the bundles. */
export const VERSION: string = packageJson.version;
