using System.Net.WebSockets;
using System.Text.Json.Nodes;

namespace Campfire.Realtime.Migrations.Live;

// Joins a project as everybody who may and as those who may not, and sends the canary through each path.
internal sealed class LiveExamination : IAsyncDisposable
{
    private readonly LiveTarget _target;
    private readonly Canary _canary;
    private readonly CampfireDoctorOptions _options;
    private readonly HttpClient _http = new() { Timeout = Timeout.InfiniteTimeSpan };
    private readonly List<LiveActor> _actors = [];
    private readonly List<DoctorFinding> _findings = [];
    private readonly List<DoctorMeasurement> _measurements = [];
    private readonly CanaryToken _tokens;
    private readonly LiveActor _visitor;
    private readonly LiveActor _agent;

    public LiveExamination(LiveTarget target, Canary canary, CampfireDoctorOptions options)
    {
        _target = target;
        _canary = canary;
        _options = options;
        _tokens = new CanaryToken(target.JwtSecret, options.TimeProvider);
        _visitor = AddActor("visitor", target.AnonKey, _tokens.ForVisitor(canary.Own));
        _agent = AddActor("agent", target.AnonKey, _tokens.ForAgent(canary.Own.AgentId));
    }

    private CanaryTenant Own => _canary.Own;

    public async Task<DoctorReport> RunAsync(CancellationToken cancellationToken)
    {
        // Every path needs these; what one of them reports, all would.
        if (!await ConnectAsync(_agent, cancellationToken).ConfigureAwait(false)
            || !await ConnectAsync(_visitor, cancellationToken).ConfigureAwait(false))
        {
            return new(_findings, _measurements);
        }

        // A real server answers a refusal after five seconds and nothing else on that connection meanwhile.
        Task<IEnumerable<DoctorFinding>> refusals = FindIntrudersAsync(cancellationToken);
        try
        {
            bool agentIsIn = await JoinAsync(_agent, "conversation", Own.Conversation, cancellationToken, hasPresence: true).ConfigureAwait(false);
            bool agentHearsTyping = await JoinAsync(_agent, "typing", Own.Typing, cancellationToken).ConfigureAwait(false);
            bool agentHearsOrganization = await JoinAsync(_agent, "organization", Own.Organization, cancellationToken).ConfigureAwait(false);
            bool agentHearsConversations = await JoinAsync(_agent, "conversations", Own.Conversations, cancellationToken).ConfigureAwait(false);
            bool visitorIsIn = await JoinAsync(_visitor, "conversation", Own.Conversation, cancellationToken, hasPresence: true).ConfigureAwait(false);
            bool visitorMayType = await JoinAsync(_visitor, "typing", Own.Typing, cancellationToken).ConfigureAwait(false);
            await JoinAsServerAsync(cancellationToken).ConfigureAwait(false);

            if (agentIsIn && await AwaitAsync(
                    "database's stream is ready",
                    _agent,
                    frame => frame.Topic == Own.Conversation && IsReady(frame),
                    _options.TimeProvider.GetTimestamp(),
                    cancellationToken).ConfigureAwait(false))
            {
                await SendAsVisitorAsync(agentHearsOrganization, agentHearsConversations, cancellationToken).ConfigureAwait(false);
                if (visitorIsIn)
                    await SendAsAgentAsync(cancellationToken).ConfigureAwait(false);
            }
            if (agentIsIn && visitorIsIn)
                await ForgeAsync(cancellationToken).ConfigureAwait(false);
            if (agentHearsTyping && visitorMayType)
                await TypeAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // They use connections that are about to be disposed of.
            await ((Task)refusals).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        _findings.AddRange(await refusals.ConfigureAwait(false));
        return new(_findings, _measurements);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (LiveActor actor in _actors)
            await actor.DisposeAsync().ConfigureAwait(false);
        _http.Dispose();
    }

    private LiveActor AddActor(string name, string apiKey, string token)
    {
        LiveActor actor = new(name, _target, apiKey, token);
        _actors.Add(actor);
        return actor;
    }

    private async Task JoinAsServerAsync(CancellationToken cancellationToken)
    {
        if (_target.ServiceKey is null)
            return;
        LiveActor service = AddActor("service", _target.ServiceKey, _target.ServiceKey);
        if (!await ConnectAsync(service, cancellationToken).ConfigureAwait(false))
            return;
        await JoinAsync(service, "conversation", Own.Conversation, cancellationToken).ConfigureAwait(false);
        await JoinAsync(service, "organization", Own.Organization, cancellationToken).ConfigureAwait(false);
        await JoinAsync(service, "conversations", Own.Conversations, cancellationToken).ConfigureAwait(false);
    }

    private async Task SendAsVisitorAsync(bool reachesOrganization, bool reachesConversations, CancellationToken cancellationToken)
    {
        Guid id = Guid.CreateVersion7();
        long start = _options.TimeProvider.GetTimestamp();
        if (!await CallAsync(_visitor, id, cancellationToken).ConfigureAwait(false))
            return;
        await AwaitAsync(
            "visitor's message reaches the agent on conversation",
            _agent, frame => IsMessage(frame, Own.Conversation, id), start, cancellationToken).ConfigureAwait(false);
        if (reachesOrganization)
        {
            await AwaitAsync(
                "visitor's message reaches the agent on organization",
                _agent, frame => frame.Topic == Own.Organization && frame.Event == "conversation:updated", start, cancellationToken).ConfigureAwait(false);
        }
        if (reachesConversations)
        {
            await AwaitAsync(
                "visitor's message reaches the agent on conversations",
                _agent, frame => IsMessage(frame, Own.Conversations, id), start, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task SendAsAgentAsync(CancellationToken cancellationToken)
    {
        Guid id = Guid.CreateVersion7();
        long start = _options.TimeProvider.GetTimestamp();
        if (await CallAsync(_agent, id, cancellationToken).ConfigureAwait(false))
        {
            await AwaitAsync(
                "agent's message reaches the visitor",
                _visitor, frame => IsMessage(frame, Own.Conversation, id), start, cancellationToken).ConfigureAwait(false);
        }
    }

    // One channel handles what it is sent in order: a forgery that may pass arrives before the presence behind it.
    private async Task ForgeAsync(CancellationToken cancellationToken)
    {
        const string path = "visitor forges a message";
        Guid id = Guid.CreateVersion7();
        string presence = Guid.CreateVersion7().ToString();
        long start = _options.TimeProvider.GetTimestamp();
        if (!await TryAsync(path, LiveFindings.NotDelivered, async deadline =>
        {
            await _visitor.Socket.BroadcastAsync(
                Own.Conversation, "message:created", new JsonObject { ["id"] = id.ToString(), ["content"] = "forged" }, deadline).ConfigureAwait(false);
            await _visitor.Socket.TrackAsync(Own.Conversation, new JsonObject { ["canary"] = presence }, deadline).ConfigureAwait(false);
        }, cancellationToken).ConfigureAwait(false))
        {
            return;
        }
        await AwaitAsync(
            "visitor's presence reaches the agent",
            _agent,
            frame => frame.Topic == Own.Conversation && frame.Event is "presence_diff" or "presence_state"
                && frame.Payload is { } payload && payload.ToJsonString().Contains(presence, StringComparison.Ordinal),
            start,
            cancellationToken).ConfigureAwait(false);
        if (_agent.Socket.HasReceived(frame => IsMessage(frame, Own.Conversation, id)))
        {
            _findings.Add(LiveFindings.Create(
                LiveFindings.ForgeryDelivered, path,
                "A message:created that a visitor broadcast himself reached the agent: what agents read may be forged."));
        }
    }

    private async Task TypeAsync(CancellationToken cancellationToken)
    {
        const string path = "visitor's typing reaches the agent";
        long start = _options.TimeProvider.GetTimestamp();
        if (await TryAsync(path, LiveFindings.NotDelivered, deadline => _visitor.Socket.BroadcastAsync(
                Own.Typing, "typing:start", new JsonObject { ["conversation_id"] = Own.ConversationId.ToString() }, deadline), cancellationToken).ConfigureAwait(false))
        {
            await AwaitAsync(
                path, _agent, frame => frame.Topic == Own.Typing && frame.Event == "typing:start", start, cancellationToken).ConfigureAwait(false);
        }
    }

    // A connection for each, because a refusal blocks it.
    private async Task<IEnumerable<DoctorFinding>> FindIntrudersAsync(CancellationToken cancellationToken)
    {
        (string Name, string Topic)[] channels =
            [("conversation", Own.Conversation), ("organization", Own.Organization), ("conversations", Own.Conversations)];
        (string Name, string Token)[] strangers =
        [
            ("visitor of another organization", _tokens.ForVisitor(_canary.Strange)),
            ("member of another organization", _tokens.ForAgent(_canary.Strange.AgentId)),
            ("holder of the anon key", _target.AnonKey),
        ];
        string visitor = _tokens.ForVisitor(Own);
        var attempts = strangers
            .SelectMany(stranger => channels.Select(channel => (Actor: AddActor(stranger.Name, _target.AnonKey, stranger.Token), Channel: channel)))
            .Concat(channels[1..].Select(channel => (Actor: AddActor("visitor", _target.AnonKey, visitor), Channel: channel)))
            .ToArray();
        DoctorFinding?[] findings = await Task.WhenAll(attempts.Select(attempt =>
            FindIntruderAsync(attempt.Actor, attempt.Channel.Name, attempt.Channel.Topic, cancellationToken))).ConfigureAwait(false);
        return findings.OfType<DoctorFinding>();
    }

    private async Task<DoctorFinding?> FindIntruderAsync(LiveActor actor, string channel, string topic, CancellationToken cancellationToken)
    {
        string path = $"{actor.Name} joins {channel}";
        using CancellationTokenSource deadline = Deadline(cancellationToken);
        try
        {
            await actor.ConnectAsync(deadline.Token).ConfigureAwait(false);
            return await actor.JoinAsync(topic, hasPresence: false, deadline.Token).ConfigureAwait(false) is null
                ? LiveFindings.Create(
                    LiveFindings.JoinAllowed, path, "Somebody who takes no part was let in: he reads along with what is said there.")
                : null;
        }
        catch (Exception failure) when (IsFailure(failure, cancellationToken))
        {
            return LiveFindings.Create(LiveFindings.Unreachable, path, Because("It cannot be said whether he is refused", failure));
        }
    }

    private Task<bool> ConnectAsync(LiveActor actor, CancellationToken cancellationToken) =>
        TryAsync($"{actor.Name} connects", LiveFindings.Unreachable, actor.ConnectAsync, cancellationToken);

    private async Task<bool> JoinAsync(
        LiveActor actor, string channel, string topic, CancellationToken cancellationToken, bool hasPresence = false)
    {
        string path = $"{actor.Name} joins {channel}";
        string? reason = null;
        long start = _options.TimeProvider.GetTimestamp();
        if (!await TryAsync(path, LiveFindings.JoinRefused, async deadline =>
                reason = await actor.JoinAsync(topic, hasPresence, deadline).ConfigureAwait(false), cancellationToken).ConfigureAwait(false))
        {
            return false;
        }
        if (reason is null)
        {
            _measurements.Add(new(path, _options.TimeProvider.GetElapsedTime(start)));
            return true;
        }
        _findings.Add(LiveFindings.Create(LiveFindings.JoinRefused, path, $"Realtime refused the join: {reason}."));
        return false;
    }

    private async Task<bool> CallAsync(LiveActor actor, Guid id, CancellationToken cancellationToken)
    {
        string path = $"{actor.Name} calls campfire_send_message";
        string? reason = null;
        long start = _options.TimeProvider.GetTimestamp();
        if (!await TryAsync(path, LiveFindings.CallRefused, async deadline =>
                reason = await actor.SendMessageAsync(_http, Own.ConversationId, id, deadline).ConfigureAwait(false), cancellationToken).ConfigureAwait(false))
        {
            return false;
        }
        if (reason is null)
        {
            _measurements.Add(new(path, _options.TimeProvider.GetElapsedTime(start)));
            return true;
        }
        _findings.Add(LiveFindings.Create(LiveFindings.CallRefused, path, $"The message was not stored: {reason}."));
        return false;
    }

    private async Task<bool> AwaitAsync(
        string path, LiveActor actor, Func<LiveFrame, bool> predicate, long start, CancellationToken cancellationToken)
    {
        bool arrived = await TryAsync(
            path, LiveFindings.NotDelivered, deadline => actor.Socket.ReceiveAsync(predicate, deadline), cancellationToken).ConfigureAwait(false);
        if (arrived)
            _measurements.Add(new(path, _options.TimeProvider.GetElapsedTime(start)));
        return arrived;
    }

    private async Task<bool> TryAsync(
        string path, string code, Func<CancellationToken, Task> step, CancellationToken cancellationToken)
    {
        using CancellationTokenSource deadline = Deadline(cancellationToken);
        try
        {
            await step(deadline.Token).ConfigureAwait(false);
        }
        catch (Exception failure) when (IsFailure(failure, cancellationToken))
        {
            _findings.Add(LiveFindings.Create(code, path, Because("It did not happen", failure)));
            return false;
        }
        return true;
    }

    private CancellationTokenSource Deadline(CancellationToken cancellationToken)
    {
        CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_options.LiveTimeout);
        return deadline;
    }

    private string Because(string what, Exception failure) => failure is OperationCanceledException
        ? $"{what} within {_options.LiveTimeout.TotalSeconds:0.#} seconds."
        : $"{what}: {failure.Message}";

    private static bool IsFailure(Exception failure, CancellationToken cancellationToken) =>
        !cancellationToken.IsCancellationRequested && failure is WebSocketException or HttpRequestException or IOException or OperationCanceledException;

    private static bool IsMessage(LiveFrame frame, string topic, Guid id) =>
        frame.Topic == topic && frame.Event == "message:created" && frame.Text("id") == id.ToString();

    private static bool IsReady(LiveFrame frame) =>
        frame.Event == "system" && frame.Text("extension") == "system" && frame.Text("status") == "ok";
}
