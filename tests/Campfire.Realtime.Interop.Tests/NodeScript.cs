using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Campfire.Realtime.Interop.Tests;

internal sealed record ScenarioOutcome(int ExitCode, string Output);

// A script that runs in Node. Either side calls the other; tests/interop/host.mjs is the other end.
internal sealed class NodeScript : IAsyncDisposable
{
    // Above the deadlines of a script, whose own messages say more.
    private static readonly TimeSpan _deadline = TimeSpan.FromSeconds(120);

    private readonly Process _process;
    private readonly Func<string, JsonNode, Task<JsonNode?>> _answer;
    private readonly StringBuilder _output = new();
    private readonly Dictionary<int, TaskCompletionSource<JsonNode?>> _calls = [];
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Lock _gate = new();
    private readonly Task _reading;
    private readonly Task _readingErrors;
    private int _lastId;
    private bool _hasEnded;

    private NodeScript(Process process, Func<string, JsonNode, Task<JsonNode?>> answer)
    {
        _process = process;
        _answer = answer;
        _reading = ReadAsync();
        _readingErrors = ReadErrorsAsync();
    }

    public static NodeScript Start(string script, string function, Func<string, JsonNode, Task<JsonNode?>> answer)
    {
        var start = new ProcessStartInfo("node", ["run.mjs", $"./{script}", function])
        {
            WorkingDirectory = NodePackage.Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        var process = new Process { StartInfo = start };
        process.Start();
        return new NodeScript(process, answer);
    }

    // Waits for the end of the script. It asserts what there is to assert, and ends with zero when all of it holds.
    public async Task<ScenarioOutcome> EndedAsync()
    {
        try
        {
            await Task.WhenAll(_process.WaitForExitAsync(), _reading, _readingErrors).WaitAsync(_deadline);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"The script did not end within {_deadline.TotalSeconds} s.\n{Output}");
        }

        return new ScenarioOutcome(_process.ExitCode, Output);
    }

    public async Task<JsonNode?> CallAsync(string name, object? arguments = null)
    {
        var answered = new TaskCompletionSource<JsonNode?>(TaskCreationOptions.RunContinuationsAsynchronously);
        int id;
        lock (_gate)
        {
            if (_hasEnded)
                throw new InvalidOperationException($"The script has ended.\n{_output}");
            id = ++_lastId;
            _calls.Add(id, answered);
        }

        await WriteAsync(new JsonObject { ["id"] = id, ["call"] = name, ["args"] = JsonSerializer.SerializeToNode(arguments ?? new { }, JsonSerializerOptions.Web) });
        try
        {
            return await answered.Task.WaitAsync(_deadline);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The script did not answer '{name}' within {_deadline.TotalSeconds} s.\n{Output}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await Task.WhenAll(_process.WaitForExitAsync(), _reading, _readingErrors);
        _process.Dispose();
        _writing.Dispose();
    }

    private string Output
    {
        get
        {
            lock (_gate)
                return _output.ToString();
        }
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            JsonNode message = JsonNode.Parse(line)!;
            var id = (int)message["id"]!;
            if ((string?)message["call"] is { } call)
            {
                _ = AnswerAsync(id, call, message["args"]!);
                continue;
            }

            TaskCompletionSource<JsonNode?>? answered;
            lock (_gate)
                _calls.Remove(id, out answered);
            if ((string?)message["error"] is { } error)
                answered!.SetException(new InvalidOperationException($"{error}\n{Output}"));
            else
                answered!.SetResult(message["result"]?.DeepClone());
        }

        TaskCompletionSource<JsonNode?>[] unanswered;
        lock (_gate)
        {
            _hasEnded = true;
            unanswered = [.. _calls.Values];
        }

        foreach (TaskCompletionSource<JsonNode?> call in unanswered)
            call.SetException(new InvalidOperationException($"The script ended without an answer.\n{Output}"));
    }

    private async Task AnswerAsync(int id, string call, JsonNode arguments)
    {
        var answer = new JsonObject { ["id"] = id };
        try
        {
            answer["result"] = await _answer(call, arguments);
        }
        catch (Exception failure)
        {
            answer["error"] = failure.ToString();
        }

        await WriteAsync(answer);
    }

    private async Task WriteAsync(JsonObject message)
    {
        await _writing.WaitAsync();
        try
        {
            await _process.StandardInput.WriteLineAsync(message.ToJsonString());
            await _process.StandardInput.FlushAsync();
        }
        catch (IOException)
        {
            // The script has ended; its exit code and its output say why.
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task ReadErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_gate)
                _output.AppendLine(line);
        }
    }
}
