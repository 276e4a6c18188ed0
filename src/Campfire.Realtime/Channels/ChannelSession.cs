using System.Diagnostics;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Diagnostics;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Streams;
using Campfire.Realtime.Tokens;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Channels;

/// <summary>Keeps one channel joined: joins on every new link, refreshes its token, and acts on a close by what the server said.</summary>
internal sealed partial class ChannelSession : IAsyncDisposable
{
    private static readonly TimeSpan LeavePatience = TimeSpan.FromSeconds(2);

    private readonly CampfireClientOptions _options;
    private readonly ConnectionPool _connections;
    private readonly ChannelRegistry _registry;
    private readonly AccessTokenSource _tokens;
    private readonly Backoff _backoff;
    private readonly RealtimeBudget _budget;
    private readonly TokenRefresh _tokenRefresh;
    private readonly RejoinPolicy _policy;
    private readonly ILogger _logger;
    private readonly IChannelSink _sink;
    private readonly ChannelFrames _frames;
    private readonly bool _isPresenceEnabled;
    private readonly CancellationTokenSource _leaving = new();
    private readonly TaskCompletionSource _firstJoin = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loop = Task.CompletedTask;
    private ConnectionLoop? _connection;
    private volatile Membership? _membership;
    private int _isDisposed;

    public ChannelSession(ChannelName name, IAsyncDisposable owner, IChannelSink sink, bool isPresenceEnabled, ChannelServices services)
    {
        Name = name;
        Topic = name.WireTopic.ToArray();
        Owner = owner;
        _sink = sink;
        _frames = new ChannelFrames(name, sink);
        _isPresenceEnabled = isPresenceEnabled;
        _options = services.Options;
        _connections = services.Connections;
        _registry = services.Registry;
        _tokens = services.Tokens;
        _backoff = services.Backoff;
        _budget = services.Budget;
        _tokenRefresh = new TokenRefresh(this, services);
        _policy = new RejoinPolicy(name, services.Backoff, services.Tokens, services.Options.TimeProvider);
        _logger = services.Logger;
        Left = _leaving.Token;

        // Nobody may be waiting for it when it fails; the stream says it as well.
        _firstJoin.Task.IsToldElsewhere();
    }

    public ChannelName Name { get; }

    public byte[] Topic { get; }

    /// <summary>What the application holds, and what to dispose when the client goes.</summary>
    public IAsyncDisposable Owner { get; }

    /// <summary>Cancelled when the application leaves the channel.</summary>
    public CancellationToken Left { get; }

    public bool IsJoined => _membership is { IsConfirmed: true };

    /// <summary>Joins, and completes when the server agreed. A transient failure is tried again until the token is cancelled.</summary>
    /// <exception cref="CampfireException">The server refused for good.</exception>
    /// <exception cref="InvalidOperationException">The client has joined this channel already.</exception>
    public async Task JoinAsync(CancellationToken cancellationToken)
    {
        if (!_registry.TryAdd(this))
            throw new InvalidOperationException($"This client has joined {Name} already. Share that instance, or dispose it first: the server keeps one membership per connection.");

        ConnectionLoop connection;
        try
        {
            _connection = connection = _connections.AddChannel();
        }
        catch
        {
            _registry.Remove(this);
            throw;
        }

        _loop = Background.Run(() => RunAsync(connection));
        await _firstJoin.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a broadcast; false when the channel is not joined at the moment.</summary>
    public async ValueTask<bool> TryBroadcastAsync(byte[] eventName, ReadOnlyMemory<byte> json, CancellationToken cancellationToken)
    {
        if (_membership is not { IsConfirmed: true } membership)
            return false;

        try
        {
            _budget.Count();
            await membership.Link.SendBroadcastAsync(membership.JoinRef, membership.Link.NextRef(), Topic, eventName, json.Span, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Pushes and awaits the reply; null when the channel is not joined at the moment, or the link broke first.</summary>
    /// <exception cref="CampfireException">No reply came in time.</exception>
    public async Task<Reply?> TryPushAsync(byte[] eventName, ReadOnlyMemory<byte> json, CancellationToken cancellationToken)
    {
        if (_membership is not { IsConfirmed: true } membership)
            return null;

        try
        {
            Reply? answer = await PushAsync(membership, eventName, json, _options.JoinTimeout, cancellationToken).ConfigureAwait(false);
            return answer is { IsOk: false } refused && ChannelFrames.EndIfUnknown(membership, refused.Reason) ? null : answer;
        }
        catch (TimeoutException e)
        {
            throw new CampfireException(CampfireErrorCode.Timeout, $"{Name} did not answer within {_options.JoinTimeout.TotalSeconds:0.#} s.", innerException: e);
        }
    }

    /// <summary>Counts something that came on the channel and could not be used.</summary>
    public void Report(Violation violation, string subject, string detail) =>
        _membership?.Link.Violations.Report(violation, subject, Name.Value, detail);

    /// <summary>Counts an event that could not be read.</summary>
    public void ReportUnreadable(string eventName, string error) =>
        Report(Violation.UnreadableEvent, EventNames.All.Contains(eventName) ? eventName : "another event", error);

    public void OnFrame(SocketLink link, in Frame frame)
    {
        // Frames of an earlier membership, or for a link that is no longer ours, mean nothing any more.
        if (_membership is not { } membership || membership.Link != link || (frame.HasJoinRef && !membership.HasJoinRef(frame.JoinRef)))
            return;

        _frames.Take(membership, frame);
    }

    /// <summary>Leaves the channel. The server is told, but not waited for longer than two seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            // Whoever leaves may join again at once, and must find the place free.
            await _left.Task.ConfigureAwait(false);
            return;
        }

        try
        {
            await _leaving.CancelAsync().ConfigureAwait(false);
            await _loop.ConfigureAwait(false);

            // Also after a join that nobody waited for any more: the server may yet agree to it, and would keep the membership.
            if (_membership is { } membership)
                await LeaveAsync(membership, isAnswered: membership.IsConfirmed).ConfigureAwait(false);
            _membership = null;
        }
        finally
        {
            GiveUpPlace();
            _firstJoin.TrySetException(new ObjectDisposedException(Name.Value));
            _leaving.Dispose();
            _left.SetResult();
        }
    }

    private async Task RunAsync(ConnectionLoop connection)
    {
        CancellationToken cancellationToken = Left;
        try
        {
            while (true)
            {
                SocketLink link = await connection.WhenLiveAsync(cancellationToken).ConfigureAwait(false);
                Refusal refusal;
                try
                {
                    refusal = await BeJoinedAsync(link, cancellationToken).ConfigureAwait(false);
                }
                catch (CampfireException e) when (e.IsTransient)
                {
                    // No token at the moment. The network that took the connection may have taken the way to the tokens as well.
                    refusal = new Refusal(RefusalClass.Transient, e.Code, e.Message);
                }

                _membership = null;
                if (refusal.Class is RefusalClass.Capacity)
                    _budget.OnOverLimit();

                // What the server said last counts although it hung up: another link brings no right back.
                if (link.Loss.IsCompleted && refusal.Class is not RefusalClass.Permanent)
                {
                    _policy.OnLinkLost();
                    continue;
                }

                LogMembershipLost(Name, refusal.Class, refusal.Reason);
                TimeSpan delay = _policy.DelayAfter(refusal);
                if (delay > TimeSpan.Zero)
                    await Task.Delay(delay, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Left by the application: the membership stays for the goodbye.
        }
        catch (ObjectDisposedException e)
        {
            // The client was disposed under a join that it did not know of yet.
            _membership = null;
            _firstJoin.TrySetException(e);
            End(new CampfireException(CampfireErrorCode.Unavailable, $"{Name} was left because the client was disposed.", innerException: e));
        }
        catch (CampfireException e)
        {
            await LeaveAndEndAsync(e).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The caller of the join, or the reader of the stream, must not wait for ever because of an error of ours.
            await LeaveAndEndAsync(new CampfireException(
                CampfireErrorCode.Unavailable, $"{Name} can no longer be followed: an unexpected {e.GetType().Name}.", innerException: e)).ConfigureAwait(false);
        }
    }

    /// <summary>Ends the channel. A membership that the server still has would go on taking room, and sending to nobody.</summary>
    private async Task LeaveAndEndAsync(CampfireException reason)
    {
        try
        {
            if (_membership is { Ended.IsCompleted: false } membership)
                await LeaveAsync(membership, isAnswered: false).ConfigureAwait(false);
        }
        finally
        {
            _membership = null;
            End(reason);
        }
    }

    private async Task<Refusal> BeJoinedAsync(SocketLink link, CancellationToken cancellationToken)
    {
        if (await TryJoinAsync(link, cancellationToken).ConfigureAwait(false) is { } refusal)
            return refusal;

        Instruments.ChannelBegan(Name);
        _policy.OnJoined();

        // The owner first: what its caller does next is on the channel that it has joined.
        _sink.OnJoined();
        _firstJoin.TrySetResult();
        string reason = "the channel is being left";
        try
        {
            Refusal end = await StayAsync(_membership!, cancellationToken).ConfigureAwait(false);
            reason = end.Reason;
            return end;
        }
        catch (CampfireException e)
        {
            reason = e.Message;
            throw;
        }
        finally
        {
            Instruments.ChannelEnded(Name);
            _sink.OnInterrupted(reason);
        }
    }

    private void End(CampfireException reason)
    {
        LogEnded(Name, reason.Code, reason.Message);
        GiveUpPlace();
        _firstJoin.TrySetException(reason);
        _sink.OnEnded(reason);
    }

    private void GiveUpPlace()
    {
        _registry.Remove(this);
        if (Interlocked.Exchange(ref _connection, null) is { } connection)
            _connections.RemoveChannel(connection);
    }

    private async Task<Refusal?> TryJoinAsync(SocketLink link, CancellationToken cancellationToken)
    {
        using Activity? activity = Instruments.StartJoin(Name);
        Refusal? refusal = await JoinOnceAsync(link, cancellationToken).ConfigureAwait(false);
        Instruments.JoinEnded(activity, Name, refusal);
        return refusal;
    }

    private async Task<Refusal?> JoinOnceAsync(SocketLink link, CancellationToken cancellationToken)
    {
        // The token is awaited here, inside the join: a join that leaves without it runs with the rights of the API key.
        AccessToken token = await _tokens.AskAsync(cancellationToken).ConfigureAwait(false);
        if (_policy.WasJoined && _backoff.UpTo(_budget.RejoinSpread) is { Ticks: > 0 } spread)
            await Task.Delay(spread, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
        await link.Joining.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Who waited on a link that is over must not use up a turn of the budget for it.
            if (link.Loss.IsCompleted)
                return LinkLost();

            await _budget.WaitForJoinAsync(cancellationToken).ConfigureAwait(false);
            if (_tokens.IsAboutToEnd(token))
                token = await _tokens.AskAsync(cancellationToken).ConfigureAwait(false);
            using SocketLink.PendingReply reply = link.Expect(link.NextRef());
            var membership = new Membership(link, reply, token);
            using var payload = new PooledBuffer();
            JoinPayload.Write(payload, _isPresenceEnabled, token.Claims.Subject, token.Value);
            _membership = membership;
            await link.SendTextAsync(membership.JoinRef, membership.JoinRef, Topic, PhoenixEvents.Join, payload.Written.Span, cancellationToken).ConfigureAwait(false);
            if (await reply.Task.WaitAsync(_options.JoinTimeout, _options.TimeProvider, cancellationToken).ConfigureAwait(false) is not { } answer)
                return LinkLost();
            if (!answer.IsOk)
                return Refusal.OfJoin(answer.Reason);

            LogJoined(Name);
            return null;
        }
        catch (IOException)
        {
            return LinkLost();
        }
        catch (TimeoutException)
        {
            // The server may yet agree; without a goodbye it would go on sending to a membership that nobody reads.
            if (_membership is { } late)
                await LeaveAsync(late, isAnswered: false).ConfigureAwait(false);
            return new Refusal(RefusalClass.Transient, CampfireErrorCode.Timeout, $"the join was not answered within {_options.JoinTimeout.TotalSeconds:0.#} s");
        }
        finally
        {
            link.Joining.Release();
        }
    }

    private static Refusal LinkLost() => new(RefusalClass.Transient, CampfireErrorCode.Unavailable, "the connection was lost");

    private async Task<Refusal> StayAsync(Membership membership, CancellationToken cancellationToken)
    {
        using var staying = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task refresh = _tokenRefresh.RunAsync(membership, staying.Token);
        Task first = await Task.WhenAny(membership.Ended, membership.Link.Loss, refresh).ConfigureAwait(false);
        await staying.CancelAsync().ConfigureAwait(false);
        await refresh.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        if (first == refresh)
            await refresh.ConfigureAwait(false);
        return membership.Ended.IsCompleted ? await membership.Ended.ConfigureAwait(false) : LinkLost();
    }

    /// <summary>Says goodbye, and waits for the answer where one may be expected; never longer than two seconds.</summary>
    private async Task LeaveAsync(Membership membership, bool isAnswered)
    {
        using var patience = new CancellationTokenSource(LeavePatience, _options.TimeProvider);
        using SocketLink.PendingReply reply = membership.Link.Expect(membership.Link.NextRef());
        try
        {
            await membership.Link.SendTextAsync(
                membership.JoinRef, reply.Ref, Topic, PhoenixNames.Leave, PhoenixNames.EmptyObject, patience.Token).ConfigureAwait(false);
            if (isAnswered)
                await reply.Task.WaitAsync(patience.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            LogLeftSilently(Name);
        }
    }

    private async Task<Reply?> PushAsync(Membership membership, byte[] eventName, ReadOnlyMemory<byte> json, TimeSpan patience, CancellationToken cancellationToken)
    {
        using SocketLink.PendingReply reply = membership.Link.Expect(membership.Link.NextRef());
        try
        {
            await membership.Link.SendTextAsync(membership.JoinRef, reply.Ref, Topic, eventName, json.Span, cancellationToken).ConfigureAwait(false);
            return await reply.Task.WaitAsync(patience, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
