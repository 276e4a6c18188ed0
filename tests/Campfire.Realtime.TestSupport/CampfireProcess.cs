using System.Diagnostics;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Campfire.Realtime.TestSupport;

// The command line tool as a process of its own; the test project references Campfire.Realtime.Cli, so that it is built.
public sealed class CampfireProcess : IDisposable
{
    private static readonly TimeSpan _deadline = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly Task<string> _standardError;

    private CampfireProcess(Process process)
    {
        _process = process;
        _standardError = process.StandardError.ReadToEndAsync();
    }

    public static CampfireProcess Start(string temporaryFolder, params string[] arguments) => Start(temporaryFolder, database: null, configure: null, arguments);

    // With another environment, or by way of another program.
    public static CampfireProcess StartAs(string temporaryFolder, Action<ProcessStartInfo> configure, params string[] arguments) =>
        Start(temporaryFolder, database: null, configure, arguments);

    // A database of the machine's own environment must not get into a test.
    private static CampfireProcess Start(string temporaryFolder, string? database, Action<ProcessStartInfo>? configure, string[] arguments)
    {
        var tool = Path.Combine(TestContext.CurrentContext.TestDirectory, "campfire.dll");
        var start = new ProcessStartInfo("dotnet", [tool, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["TMPDIR"] = temporaryFolder;
        start.Environment["CAMPFIRE_SUPABASE_DB"] = database;
        // A killed runtime leaves its debugger's pipes behind, which are not what these tests look for.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        configure?.Invoke(start);
        return new CampfireProcess(Process.Start(start)!);
    }

    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var campfire = Start(Path.GetTempPath(), database: null, configure: null, arguments);
        return await campfire.EndedAsync();
    }

    public static async Task<(int ExitCode, string Output, string Error)> RunOnAsync(string database, params string[] arguments)
    {
        using var campfire = Start(Path.GetTempPath(), database, configure: null, arguments);
        return await campfire.EndedAsync();
    }

    public async Task<JsonNode> ReadyAsync()
    {
        var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(_deadline);
        return JsonNode.Parse(line ?? throw new InvalidOperationException($"campfire ended without being ready: {await _standardError}"))!;
    }

    public void Kill() => _process.Kill();

    public void Terminate()
    {
        using var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public async Task<(int ExitCode, string Output, string Error)> EndedAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(_deadline);
        return (_process.ExitCode, await _process.StandardOutput.ReadToEndAsync(), await _standardError);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }
}
