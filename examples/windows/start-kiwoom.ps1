# Keeps the Kiwoom worker running in this session. Start it as administrator, in the console session of a
# logged-on user. Ctrl-C ends it.
param(
    # A 32-bit Python that has sapi-broker[kiwoom-windows].
    [string] $Python = "python",
    # Where the worker's .env is.
    [string] $WorkingDirectory = (Get-Location).Path,
    # Where what it prints is kept, in a file for each day; the last seven days.
    [string] $LogDirectory = (Join-Path $WorkingDirectory "logs")
)

$ErrorActionPreference = "Stop"

$principal = [Security.Principal.WindowsPrincipal] [Security.Principal.WindowsIdentity]::GetCurrent()
if (-not $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Write-Error "Start this as administrator: OpenAPI+ updates itself in C:\OpenAPI."
}

$bits = & $Python -c "import struct; print(struct.calcsize('P') * 8)"
if ($bits -ne "32") {
    Write-Error "$Python is a $bits-bit Python; OpenAPI+ needs a 32-bit one."
}

Set-Location $WorkingDirectory
New-Item -ItemType Directory -Force -Path $LogDirectory | Out-Null

# Both ends of the pipe speak UTF-8; a Korean Windows would read it as code page 949.
$env:PYTHONUTF8 = "1"
[Console]::OutputEncoding = [Text.Encoding]::UTF8
# Lines on standard error are the worker's log and no failure.
$ErrorActionPreference = "Continue"
& $Python -m broker_server supervise 2>&1 | ForEach-Object {
    $file = Join-Path $LogDirectory ("kiwoom-{0:yyyy-MM-dd}.log" -f (Get-Date))
    if (-not (Test-Path -LiteralPath $file)) {
        Get-ChildItem -Path $LogDirectory -Filter "kiwoom-*.log" |
            Where-Object { $_.LastWriteTime -lt (Get-Date).AddDays(-7) } |
            Remove-Item
    }
    Add-Content -LiteralPath $file -Value "$_" -Encoding UTF8
    "$_"
}
exit $LASTEXITCODE
