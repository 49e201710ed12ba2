# Registers a task that keeps the Kiwoom worker running from logon on: with highest privileges, in the session of
# the user who is logged on, and never as a service. Run it as administrator. -Remove takes the task back.
param(
    # A 32-bit Python that has sapi-broker[kiwoom-windows].
    [string] $Python = "python",
    # Where the worker's .env is.
    [string] $WorkingDirectory = (Get-Location).Path,
    [string] $TaskName = "sapi-broker Kiwoom",
    [switch] $Remove
)

$ErrorActionPreference = "Stop"

if ($Remove) {
    Unregister-ScheduledTask -TaskName $TaskName -Confirm:$false
    Write-Output "The task '$TaskName' is removed."
    exit 0
}

# A backslash before the closing quote would take the quote away.
$WorkingDirectory = $WorkingDirectory.TrimEnd("\")
$script = Join-Path $PSScriptRoot "start-kiwoom.ps1"
$arguments = "-NoProfile -ExecutionPolicy Bypass -File `"$script`" -Python `"$Python`" " +
    "-WorkingDirectory `"$WorkingDirectory`""

$action = New-ScheduledTaskAction -Execute "powershell.exe" -Argument $arguments -WorkingDirectory $WorkingDirectory
$user = [Security.Principal.WindowsIdentity]::GetCurrent().Name
$trigger = New-ScheduledTaskTrigger -AtLogOn -User $user
# Interactive: the control needs the desktop of the session that it runs in.
$who = New-ScheduledTaskPrincipal -UserId $user -LogonType Interactive -RunLevel Highest
$settings = New-ScheduledTaskSettingsSet `
    -ExecutionTimeLimit ([TimeSpan]::Zero) `
    -MultipleInstances IgnoreNew `
    -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) `
    -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries

Register-ScheduledTask -TaskName $TaskName -Action $action -Trigger $trigger -Principal $who -Settings $settings -Force |
    Out-Null
Write-Output "The task '$TaskName' starts the Kiwoom worker when $user logs on."
Write-Output "Start it now with: Start-ScheduledTask -TaskName '$TaskName'"
