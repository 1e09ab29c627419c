/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`tests/unit/desktops-plan.test.ts > TAP > the unit: limits, sandbox, and only its own disk and folders > must match snapshot 1`] = `
systemd-run
--quiet
--no-ask-password
--expand-environment=no
--unit=flexdeploy-desktop-0123456789abcdef.service
--slice=flexdeploy-desktops.slice
--description=FlexDeploy desktop debian of ana
--property=Type=exec
--property=MemoryMax=2048M
--property=CPUQuota=300%
--property=CPUWeight=100
--property=TasksMax=512
--property=LimitCORE=0
--property=OOMScoreAdjust=300
--property=TimeoutStopSec=15s
--property=User=flexdeploy-qemu
--property=Group=flexdeploy-qemu
--property=SupplementaryGroups=kvm
--property=UMask=0077
--property=NoNewPrivileges=yes
--property=CapabilityBoundingSet=
--property=DevicePolicy=closed
--property=DeviceAllow=/dev/kvm rw
--property=DeviceAllow=/dev/drbd7 rw
--property=ProtectSystem=strict
--property=ProtectHome=yes
--property=PrivateTmp=yes
--property=TemporaryFileSystem=/var/lib/flexdeploy:ro
--property=TemporaryFileSystem=/run/flexdeploy:ro
--property=BindPaths=/var/lib/flexdeploy/desktops/0123456789abcdef
--property=BindPaths=/run/flexdeploy/desktops/0123456789abcdef
--property=ProtectProc=invisible
--property=ProtectKernelTunables=yes
--property=ProtectKernelModules=yes
--property=ProtectKernelLogs=yes
--property=ProtectControlGroups=yes
--property=ProtectHostname=yes
--property=RestrictNamespaces=yes
--property=RestrictRealtime=yes
--property=RestrictSUIDSGID=yes
--property=LockPersonality=yes
--property=KeyringMode=private
--property=SystemCallArchitectures=native
--property=RestrictAddressFamilies=AF_UNIX
--property=RestrictAddressFamilies=AF_INET
--property=RestrictAddressFamilies=AF_INET6
--property=RestrictAddressFamilies=AF_NETLINK
--
/usr/bin/qemu
`
