using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Histories;

// Realtime, PostgREST and the giver of tokens, with the faults that a history asks for. What a fault may rightly cost is noted
// in the moment when the client meets it.
internal sealed class HistoryServer : IDisposable
{
    private readonly ConcurrentQueue<Func<Exception>> _upgradeFaults = new();
    private readonly ConcurrentQueue<(string? Reason, bool IsAnswered, CampfireErrorCode? Costs)> _joinFaults = new();
    private readonly ConcurrentQueue<Func<CancellationToken, Task<HttpResponseMessage>>> _callFaults = new();
    private readonly ConcurrentQueue<Func<JsonObject, CancellationToken, Task<HttpResponseMessage>>> _sendFaults = new();
    private readonly ConcurrentQueue<Func<Exception>> _tokenFaults = new();
    private readonly HashSet<CampfireErrorCode> _allowed = [];
    private readonly JumpingTime _time;
    private Line? _line;
    private int _tokens;

    public HistoryServer(JumpingTime time)
    {
        _time = time;
        Sockets.OnConnect = _ => _upgradeFaults.TryDequeue(out Func<Exception>? fault) ? fault() : null;
        Sockets.OnConnected = socket => _line = new Line(socket);
        Sockets.OnSent = OnSent;
        Database.OnCall = OnCallAsync;
        Topic = Encoding.UTF8.GetString(ChannelName.Conversation(Database.OrganizationId, Database.ConversationId).WireTopic.Span);
    }

    public ScriptedServer Sockets { get; } = new();

    public ScriptedDatabase Database { get; } = new();

    public string Topic { get; }

    // Whether the server has the client in the conversation, which the client may not know, nor know that it has not.
    public bool IsJoined => Joined(Topic) is not null;

    // When the present membership began, and where the log ended then: up to there no broadcast can help.
    public long JoinedAt { get; private set; }

    public long SequenceAtJoin { get; private set; }

    public TimeSpan TokenLife { get; set; } = TimeSpan.FromMinutes(10);

    public void Dispose() => Database.Dispose();

    public bool Allows(CampfireErrorCode code)
    {
        lock (_allowed)
            return _allowed.Contains(code);
    }

    public void Heal()
    {
        _upgradeFaults.Clear();
        _joinFaults.Clear();
        _callFaults.Clear();
        _sendFaults.Clear();
        _tokenFaults.Clear();
        TokenLife = TimeSpan.FromMinutes(10);
    }

    public ValueTask<string> GiveToken()
    {
        if (_tokenFaults.TryDequeue(out Func<Exception>? fault))
            throw fault();
        return ValueTask.FromResult(World.Token(_time.GetUtcNow() + TokenLife, $"user-{Interlocked.Increment(ref _tokens)}"));
    }

    public void Broadcast(string payload, bool isText, string name = "message:created")
    {
        if (Joined(Topic) is not { } joined)
            return;
        if (isText)
            joined.Line.Socket.Push(null, Topic, "broadcast", $$"""{"type":"broadcast","event":"{{name}}","payload":{{payload}}}""");
        else
            joined.Line.Socket.Broadcast(Topic, name, payload);
    }

    public void Break() => TakeLine()?.Socket.Break();

    public void HangUp(int code) => TakeLine()?.Socket.Close(code);

    // From here on nothing comes and nothing is answered on this line.
    public void Silence() => TakeLine();

    public void Receive(string frame, bool isBinary)
    {
        if (_line is not { } line)
            return;
        if (isBinary)
            line.Socket.ReceiveBinary(Encoding.UTF8.GetBytes(frame));
        else
            line.Socket.Receive(frame);
    }

    // What a frame on the line would look like whose join_ref is of an earlier membership.
    public void ReceiveStale(string phoenixEvent, string payload)
    {
        if (Joined(Topic) is { } joined)
            joined.Line.Socket.Push((long.Parse(joined.JoinRef) - 1).ToString(), Topic, phoenixEvent, payload);
    }

    public void CloseChannel(string? message, CampfireErrorCode? costs = null)
    {
        if (Joined(Topic) is not { } joined)
            return;
        if (costs is { } code)
            Allow(code);
        joined.Line.Members.TryRemove(Topic, out _);
        var join = new SentFrame(joined.JoinRef, joined.JoinRef, Topic, "phx_join", null);
        if (message is not null)
            joined.Line.Socket.SystemError(join, message);
        joined.Line.Socket.CloseChannel(join);
    }

    public void CrashChannel()
    {
        if (Joined(Topic) is { } joined && joined.Line.Members.TryRemove(Topic, out _))
            joined.Line.Socket.Push(joined.JoinRef, Topic, "phx_error", "{}", joined.JoinRef);
    }

    // The channel is gone and only the next push to it shows that.
    public void ForgetChannel()
    {
        if (Joined(Topic) is { } joined && joined.Line.Members.TryRemove(Topic, out _))
            joined.Line.Socket.Push(joined.JoinRef, Topic, "phx_reply", """{"status":"error","response":{"reason":"unmatched topic"}}""", "999999");
    }

    public void FailUpgrade(int status, string? reason, CampfireErrorCode? costs = null) => _upgradeFaults.Enqueue(() =>
    {
        if (costs is { } code)
            Allow(code);
        return new SocketRefusedException(status, reason, null);
    });

    public void FailJoin(string? reason, CampfireErrorCode? costs = null) => _joinFaults.Enqueue((reason, true, costs));

    public void IgnoreJoin() => _joinFaults.Enqueue((null, false, null));

    public void FailToken(Func<Exception> fault, CampfireErrorCode? costs = null) => _tokenFaults.Enqueue(() =>
    {
        if (costs is { } code)
            Allow(code);
        return fault();
    });

    public void FailCalls(int count, Func<HttpResponseMessage> answer, CampfireErrorCode? costs = null)
    {
        for (int i = 0; i < count; i++)
        {
            _callFaults.Enqueue(_ =>
            {
                if (costs is { } code)
                    Allow(code);
                return Task.FromResult(answer());
            });
        }
    }

    public void HangCalls(int count)
    {
        for (int i = 0; i < count; i++)
            _callFaults.Enqueue(HangAsync);
    }

    public void StoreAndLoseTheAnswer(bool isSilent) => _sendFaults.Enqueue((arguments, cancellationToken) =>
    {
        Broadcast(Database.StoreSent(arguments), isText: false);
        return isSilent ? HangAsync(cancellationToken) : throw new HttpRequestException("The answer was lost.");
    });

    public void RefuseMessage() => _sendFaults.Enqueue((_, _) =>
    {
        Allow(CampfireErrorCode.Invalid);
        return Task.FromResult(ScriptedDatabase.Error(HttpStatusCode.BadRequest, "campfire_invalid"));
    });

    private void Allow(CampfireErrorCode code)
    {
        lock (_allowed)
            _allowed.Add(code);
    }

    private (Line Line, string JoinRef)? Joined(string topic) =>
        _line is { } line && line.Members.TryGetValue(topic, out string? joinRef) ? (line, joinRef) : null;

    private Line? TakeLine() => Interlocked.Exchange(ref _line, null);

    private static async Task<HttpResponseMessage> HangAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.Infinite, cancellationToken);
        throw new InvalidOperationException("Nobody waits for ever.");
    }

    private Task<HttpResponseMessage?> OnCallAsync(string function, JsonObject arguments, CancellationToken cancellationToken)
    {
        if (_callFaults.TryDequeue(out Func<CancellationToken, Task<HttpResponseMessage>>? fault))
            return fault(cancellationToken)!;
        if (function != "campfire_send_message")
            return Task.FromResult<HttpResponseMessage?>(null);
        if (_sendFaults.TryDequeue(out Func<JsonObject, CancellationToken, Task<HttpResponseMessage>>? sendFault))
            return sendFault(arguments, cancellationToken)!;

        string stored = Database.StoreSent(arguments);
        Broadcast(stored, isText: false);
        return Task.FromResult<HttpResponseMessage?>(ScriptedDatabase.Json(stored));
    }

    // True always: what is sent on a line that is broken or silent is answered by nobody.
    private bool OnSent(ScriptedSocket socket, SentFrame frame)
    {
        if (_line is not { } line || line.Socket != socket)
            return true;

        switch (frame.Event)
        {
            case "phx_join":
                Join(line, frame);
                break;
            case "phx_leave":
                line.Members.TryRemove(frame.Topic, out _);
                socket.Reply(frame, """{"status":"ok","response":{}}""");
                socket.CloseChannel(frame);
                break;
            case "heartbeat" or "presence":
                socket.Reply(frame, """{"status":"ok","response":{}}""");
                break;
        }

        return true;
    }

    private void Join(Line line, SentFrame frame)
    {
        if (_joinFaults.TryDequeue(out (string? Reason, bool IsAnswered, CampfireErrorCode? Costs) fault))
        {
            if (!fault.IsAnswered)
                return;
            if (fault.Costs is { } code)
            {
                Allow(code);
                if (code is CampfireErrorCode.AccessDenied)
                    Allow(CampfireErrorCode.AccessWithdrawn);
            }

            line.Socket.Reply(frame, new JsonObject { ["status"] = "error", ["response"] = new JsonObject { ["reason"] = fault.Reason } }.ToJsonString());
            return;
        }

        line.Members[frame.Topic] = frame.JoinRef!;
        if (frame.Topic == Topic)
            (JoinedAt, SequenceAtJoin) = (_time.GetTimestamp(), Database.LastSequence);
        line.Socket.Reply(frame, """{"status":"ok","response":{"postgres_changes":[]}}""");
        line.Socket.Push(frame.JoinRef, frame.Topic, "presence_state", "{}");
        line.Socket.Push(frame.JoinRef, frame.Topic, "system", """{"extension":"system","status":"ok","message":"Replication connection established","channel":"x"}""");
    }

    private sealed record Line(ScriptedSocket Socket)
    {
        public ConcurrentDictionary<string, string> Members { get; } = new();
    }
}
