using System.ComponentModel;
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Campfire.Realtime.Interop.Tests;

// The npm package tests/interop.
internal static partial class NodePackage
{
    private const int OldestNode = 20;
    private static readonly TimeSpan _installDeadline = TimeSpan.FromMinutes(5);

    public static string Folder { get; } = Find();

    // Brings node_modules to what the lock file says; does nothing when it was done already.
    public static async Task InstallAsync()
    {
        (_, string version) = await RunAsync("node", "--version");
        if (!int.TryParse(version.TrimStart('v').Split('.')[0], out int major) || major < OldestNode)
            Assert.Fail($"The tests of supabase-js need Node.js {OldestNode} or newer, and this is {version.Trim()}. Install it from https://nodejs.org.");

        string installed = Path.Combine(Folder, "node_modules", ".package-lock.json");
        if (File.Exists(installed) && File.GetLastWriteTimeUtc(installed) >= File.GetLastWriteTimeUtc(Path.Combine(Folder, "package-lock.json")))
            return;

        (int exitCode, string output) = await RunAsync(OperatingSystem.IsWindows() ? "npm.cmd" : "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
        if (exitCode != 0)
            Assert.Fail($"npm ci in {Folder} ended with {exitCode}. Is the npm registry reachable?\n{output}");
    }

    // The scenarios are the exported functions of a script.
    public static IEnumerable<string> ScenariosOf(string script) =>
        ScenarioPattern().Matches(File.ReadAllText(Path.Combine(Folder, script))).Select(match => match.Groups[1].Value);

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string package = Path.Combine(folder.FullName, "tests", "interop");
            if (File.Exists(Path.Combine(package, "package.json")))
                return package;
        }

        throw new DirectoryNotFoundException($"tests/interop is in no folder above {AppContext.BaseDirectory}. Run the tests in a clone of the repository.");
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (Win32Exception missing)
        {
            Assert.Fail($"The tests of supabase-js need Node.js {OldestNode} or newer with npm, and '{program}' cannot be run: {missing.Message}. Install it from https://nodejs.org.");
        }

        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(_installDeadline);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return (process.ExitCode, await output + await error);
    }

    [GeneratedRegex(@"^export async function (\w+)", RegexOptions.Multiline)]
    private static partial Regex ScenarioPattern();
}
