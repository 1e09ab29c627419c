/*
 * The part of the Windows service that Node cannot be: it answers Windows' service manager, runs
 * "flexdeploy-agent.exe serve" from its own folder, starts it again when it ends, and ends it when the service stops.
 * Compiled by the builder with mingw-w64 (builder/agent-exe.ts).
 * https://learn.microsoft.com/windows/win32/services/service-servicemain-function
 */
#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0A00
#include <windows.h>
#include <stdio.h>

static WCHAR SERVICE_NAME[] = L"FlexDeployAgent";
/* Between the end of the agent and its next start, ms. */
#define RESTART_MS 2000

static SERVICE_STATUS_HANDLE status_handle;
static HANDLE stop_event;

static void tell(DWORD state)
{
    SERVICE_STATUS status = {0};
    status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
    status.dwCurrentState = state;
    status.dwControlsAccepted = state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN : 0;
    status.dwWaitHint = 5000;
    SetServiceStatus(status_handle, &status);
}

static DWORD WINAPI control(DWORD code, DWORD type, LPVOID data, LPVOID context)
{
    (void)type; (void)data; (void)context;
    if (code == SERVICE_CONTROL_STOP || code == SERVICE_CONTROL_SHUTDOWN) {
        tell(SERVICE_STOP_PENDING);
        SetEvent(stop_event);
        return NO_ERROR;
    }
    return code == SERVICE_CONTROL_INTERROGATE ? NO_ERROR : ERROR_CALL_NOT_IMPLEMENTED;
}

/* L"\"C:\\...\\flexdeploy-agent.exe\" serve", beside this very program. */
static BOOL command_line(WCHAR *line, size_t size)
{
    WCHAR path[MAX_PATH];
    DWORD length = GetModuleFileNameW(NULL, path, MAX_PATH);
    if (length == 0 || length >= MAX_PATH) return FALSE;
    WCHAR *slash = wcsrchr(path, L'\\');
    if (slash == NULL) return FALSE;
    *slash = 0;
    return _snwprintf(line, size, L"\"%ls\\flexdeploy-agent.exe\" serve", path) > 0;
}

/* Runs the agent until it ends or the service is stopped. Returns FALSE when the service is to stop. */
static BOOL run_agent(HANDLE job)
{
    WCHAR line[MAX_PATH + 32];
    STARTUPINFOW startup = { .cb = sizeof startup };
    PROCESS_INFORMATION process;
    if (!command_line(line, sizeof line / sizeof *line)) return FALSE;
    if (!CreateProcessW(NULL, line, NULL, NULL, FALSE, CREATE_NO_WINDOW | CREATE_SUSPENDED, NULL, NULL, &startup,
                        &process))
        return WaitForSingleObject(stop_event, RESTART_MS) == WAIT_TIMEOUT;
    AssignProcessToJobObject(job, process.hProcess);
    ResumeThread(process.hThread);
    HANDLE either[] = { stop_event, process.hProcess };
    DWORD which = WaitForMultipleObjects(2, either, FALSE, INFINITE);
    if (which == WAIT_OBJECT_0) {
        /* It keeps nothing that could be half written, and may be waiting for the port, which cannot be interrupted. */
        TerminateProcess(process.hProcess, 0);
        WaitForSingleObject(process.hProcess, 5000);
    }
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    return which != WAIT_OBJECT_0 && WaitForSingleObject(stop_event, RESTART_MS) == WAIT_TIMEOUT;
}

static void WINAPI service_main(DWORD count, LPWSTR *arguments)
{
    (void)count; (void)arguments;
    status_handle = RegisterServiceCtrlHandlerExW(SERVICE_NAME, control, NULL);
    if (status_handle == NULL) return;
    stop_event = CreateEventW(NULL, TRUE, FALSE, NULL);
    /* The agent ends with us, however we end. */
    HANDLE job = CreateJobObjectW(NULL, NULL);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    tell(SERVICE_RUNNING);
    while (run_agent(job)) {}
    tell(SERVICE_STOPPED);
}

int wmain(void)
{
    SERVICE_TABLE_ENTRYW table[] = { { SERVICE_NAME, service_main }, { NULL, NULL } };
    if (StartServiceCtrlDispatcherW(table)) return 0;
    fputs("This program is started by Windows. Use: flexdeploy-agent.exe install-service\n", stderr);
    return 1;
}
