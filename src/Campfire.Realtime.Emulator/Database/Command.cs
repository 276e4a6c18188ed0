using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Campfire.Realtime.Emulator.Database;

internal sealed record CommandResult(int ExitCode, string Output);

internal static class Command
{
    public static async Task<CommandResult> RunAsync(
        string fileName, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(fileName, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            // The caller's folder may be closed to the unprivileged user that the command runs as.
            WorkingDirectory = Path.GetPathRoot(Path.GetTempPath()),
        };
        // Settings of the user's own servers must not leak into the private one.
        foreach (var name in start.Environment.Keys.Where(key => key.StartsWith("PG", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        start.Environment["LC_ALL"] = "C";

        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (Win32Exception notRunnable)
        {
            return new CommandResult(-1, notRunnable.Message);
        }
        process.StandardInput.Close();
        var output = new StringBuilder();
        var standardOutput = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var standardError = process.StandardError.ReadToEndAsync(cancellationToken);
        try
        {
            await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            // What it was writing, the caller may remove now.
            await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }
        output.Append(await standardOutput.ConfigureAwait(false)).Append(await standardError.ConfigureAwait(false));
        return new CommandResult(process.ExitCode, output.ToString().Trim());
    }
}
