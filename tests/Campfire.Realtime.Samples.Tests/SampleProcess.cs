using System.Diagnostics;
using System.Text;

namespace Campfire.Realtime.Samples.Tests;

// A sample as its user runs it: a process of its own, with its own folder for temporary files.
internal sealed class SampleProcess : IAsyncDisposable
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly List<(string Text, TaskCompletionSource Seen)> _awaited = [];
    private readonly Lock _gate = new();

    private SampleProcess(Process process) => _process = process;

    public string Output
    {
        get
        {
            lock (_gate)
                return _output.ToString();
        }
    }

    public static SampleProcess Start(
        string temporaryFolder, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string program = "QuickStart")
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = temporaryFolder,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, $"{program}.dll"));
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["TMPDIR"] = temporaryFolder;
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;

        var sample = new SampleProcess(new Process { StartInfo = start });
        sample._process.OutputDataReceived += (_, line) => sample.Add(line.Data);
        sample._process.ErrorDataReceived += (_, line) => sample.Add(line.Data);
        sample._process.Start();
        sample._process.BeginOutputReadLine();
        sample._process.BeginErrorReadLine();
        return sample;
    }

    public static async Task<(int ExitCode, string Output)> RunAsync(
        string temporaryFolder, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string program = "QuickStart")
    {
        await using SampleProcess sample = Start(temporaryFolder, arguments, environment, program);
        return (await sample.ExitAsync(), sample.Output);
    }

    public async Task SawAsync(string text)
    {
        Task seen;
        lock (_gate)
        {
            if (_output.ToString().Contains(text, StringComparison.Ordinal))
                return;
            var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited.Add((text, source));
            seen = source.Task;
        }

        if (await Task.WhenAny(seen, _process.WaitForExitAsync()).WaitAsync(Deadline) != seen)
            Assert.Fail($"The sample ended before it said '{text}':\n{Output}");
    }

    public async Task<int> ExitAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Deadline);
        return _process.ExitCode;
    }

    public void Signal(string name)
    {
        using Process kill = Process.Start("kill", [$"-{name}", $"{_process.Id}"]);
        kill.WaitForExit();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private void Add(string? line)
    {
        if (line is null)
            return;

        lock (_gate)
        {
            _output.AppendLine(line);
            foreach ((string text, TaskCompletionSource seen) in _awaited)
            {
                if (line.Contains(text, StringComparison.Ordinal))
                    seen.TrySetResult();
            }
        }
    }
}
