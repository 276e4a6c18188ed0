using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Tokens;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Channels;

/// <summary>Keeps one channel joined: joins on every new link, refreshes its token, and acts on a close by what the server said.</summary>
internal sealed partial class ChannelSession : IAsyncDisposable
{
    private const int MaxTokenRefusalsPerMinute = 3;
    private static readonly TimeSpan LeavePatience = TimeSpan.FromSeconds(2);

    private readonly CampfireClientOptions _options;
    private readonly ConnectionLoop _connection;
    private readonly ChannelRegistry _registry;
    private readonly AccessTokenSource _tokens;
    private readonly Backoff _backoff;
    private readonly ILogger _logger;
    private readonly IChannelSink _sink;
    private readonly bool _isPresenceEnabled;
    private readonly CancellationTokenSource _leaving = new();
    private readonly TaskCompletionSource _firstJoin = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Queue<long> _tokenRefusals = new();
    private Task _loop = Task.CompletedTask;
    private volatile Membership? _membership;
    private int _isDisposed;

    public ChannelSession(ChannelName name, IAsyncDisposable owner, IChannelSink sink, bool isPresenceEnabled, ChannelServices services)
    {
        Name = name;
        Topic = name.WireTopic.ToArray();
        Owner = owner;
        _sink = sink;
        _isPresenceEnabled = isPresenceEnabled;
        _options = services.Options;
        _connection = services.Connection;
        _registry = services.Registry;
        _tokens = services.Tokens;
        _backoff = services.Backoff;
        _logger = services.Logger;
    }

    public ChannelName Name { get; }

    public byte[] Topic { get; }

    /// <summary>What the application holds, and what to dispose when the client goes.</summary>
    public IAsyncDisposable Owner { get; }

    public bool IsJoined => _membership is { IsConfirmed: true };

    /// <summary>Joins, and completes when the server agreed. A transient failure is tried again until the token is cancelled.</summary>
    /// <exception cref="CampfireException">The server refused for good.</exception>
    /// <exception cref="InvalidOperationException">The client has joined this channel already.</exception>
    public async Task JoinAsync(CancellationToken cancellationToken)
    {
        if (!_registry.TryAdd(this))
            throw new InvalidOperationException($"This client has joined {Name} already. Share that instance, or dispose it first: the server keeps one membership per connection.");

        _loop = Task.Run(RunAsync, CancellationToken.None);
        await _firstJoin.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a broadcast; false when the channel is not joined at the moment.</summary>
    public async ValueTask<bool> TryBroadcastAsync(byte[] eventName, ReadOnlyMemory<byte> json, CancellationToken cancellationToken)
    {
        if (_membership is not { IsConfirmed: true } membership)
            return false;

        try
        {
            await membership.Link.SendBroadcastAsync(membership.JoinRef, membership.Link.NextRef(), Topic, eventName, json.Span, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Pushes and awaits the reply; null when the channel is not joined at the moment, or the link broke first.</summary>
    public async Task<Reply?> TryPushAsync(byte[] eventName, ReadOnlyMemory<byte> json, CancellationToken cancellationToken) =>
        _membership is { IsConfirmed: true } membership
            ? await PushAsync(membership, eventName, json, _options.JoinTimeout, cancellationToken).ConfigureAwait(false)
            : null;

    public void OnFrame(SocketLink link, in Frame frame)
    {
        // Frames of an earlier membership, or for a link that is no longer ours, mean nothing any more.
        if (_membership is not { } membership || membership.Link != link || (frame.HasJoinRef && !membership.HasJoinRef(frame.JoinRef)))
            return;

        if (frame.Is(PhoenixEvents.Broadcast))
        {
            if (BroadcastView.TryRead(frame, out BroadcastView broadcast, out WireError error))
                _sink.OnBroadcast(broadcast);
            else
                LogUnreadableBroadcast(Name, error.Code, error.Detail);
        }
        else if (frame.Is(PhoenixEvents.PresenceDiff))
        {
            _sink.OnPresenceDiff(frame.Payload);
        }
        else if (frame.Is(PhoenixEvents.PresenceState))
        {
            _sink.OnPresenceState(frame.Payload);
        }
        else if (frame.Is(PhoenixEvents.System))
        {
            OnSystem(membership, SystemMessage.Read(frame.Payload));
        }
        else if (frame.Is(PhoenixEvents.Close))
        {
            membership.End(Refusal.OfClose(membership.LastError));
        }
        else if (frame.Is(PhoenixEvents.Error))
        {
            membership.End(new Refusal(RefusalClass.Transient, CampfireErrorCode.Unavailable, "the channel crashed on the server"));
        }
    }

    /// <summary>Leaves the channel. The server is told, but not waited for longer than two seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            await _loop.ConfigureAwait(false);
            return;
        }

        await _leaving.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        if (_membership is { IsConfirmed: true } membership)
            await PushAsync(membership, PhoenixNames.Leave, PhoenixNames.EmptyObject, LeavePatience, CancellationToken.None).ConfigureAwait(false);
        _membership = null;
        _registry.Remove(this);
        _firstJoin.TrySetException(new ObjectDisposedException(Name.Value));
        _ = _firstJoin.Task.Exception;
        _leaving.Dispose();
    }

    private void OnSystem(Membership membership, SystemMessage? message)
    {
        if (message is not { } system)
            return;
        if (system.IsError)
            membership.LastError = system.Message;
        else if (system.Message == SystemMessage.ReplicationReady)
            _sink.OnDatabaseStreaming();
    }

    private async Task RunAsync()
    {
        CancellationToken cancellationToken = _leaving.Token;
        int attempt = 0;
        try
        {
            while (true)
            {
                SocketLink link = await _connection.WhenLiveAsync(cancellationToken).ConfigureAwait(false);
                Refusal? refusal = await JoinOnceAsync(link, cancellationToken).ConfigureAwait(false);
                if (refusal is null)
                {
                    attempt = 0;
                    _firstJoin.TrySetResult();
                    _sink.OnJoined();
                    refusal = await StayAsync(_membership!, cancellationToken).ConfigureAwait(false);
                    _sink.OnInterrupted();
                }

                _membership = null;
                if (link.Loss.IsCompleted)
                    continue;

                LogMembershipLost(Name, refusal.Value.Class, refusal.Value.Reason);
                attempt++;
                TimeSpan delay = DelayAfter(refusal.Value, attempt);
                if (delay > TimeSpan.Zero)
                    await Task.Delay(delay, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Left by the application: the membership stays for the goodbye.
        }
        catch (ObjectDisposedException)
        {
            _membership = null;
        }
        catch (Exception e)
        {
            // A token callback may throw anything; the caller of the join, or the reader of the stream, is who must learn of it.
            _membership = null;
            End(e as CampfireException ?? new CampfireException(CampfireErrorCode.InvalidToken, $"No access token for {Name}: the AccessToken callback failed.", innerException: e));
        }
    }

    private void End(CampfireException reason)
    {
        LogEnded(Name, reason.Code, reason.Message);
        _registry.Remove(this);
        if (_firstJoin.TrySetException(reason))
            _ = _firstJoin.Task.Exception;
        _sink.OnEnded(reason);
    }

    /// <summary>How long to wait before the next join.</summary>
    /// <exception cref="CampfireException">There is none.</exception>
    private TimeSpan DelayAfter(Refusal refusal, int attempt)
    {
        switch (refusal.Class)
        {
            case RefusalClass.Permanent:
                CampfireErrorCode code = _firstJoin.Task.IsCompleted && refusal.Code is CampfireErrorCode.AccessDenied ? CampfireErrorCode.AccessWithdrawn : refusal.Code;
                throw (refusal with { Code = code }).ToException($"The server refused {Name}");
            case RefusalClass.Token:
                _tokens.Forget();
                long now = _options.TimeProvider.GetTimestamp();
                _tokenRefusals.Enqueue(now);
                while (_options.TimeProvider.GetElapsedTime(_tokenRefusals.Peek(), now) > TimeSpan.FromMinutes(1))
                    _tokenRefusals.Dequeue();
                if (_tokenRefusals.Count > MaxTokenRefusalsPerMinute)
                    throw refusal.ToException($"The server refused {MaxTokenRefusalsPerMinute} fresh tokens within a minute for {Name}");
                return TimeSpan.Zero;
            case RefusalClass.Capacity:
                return _backoff.ForCapacity();
            default:
                return _backoff.Next(attempt);
        }
    }

    private async Task<Refusal?> JoinOnceAsync(SocketLink link, CancellationToken cancellationToken)
    {
        // The token is awaited here, inside the join: a join that leaves without it runs with the rights of the API key.
        AccessToken token = await _tokens.AskAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await link.Joining.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            return LinkLost();
        }

        try
        {
            var membership = new Membership(link, link.NextRef(), token);
            using SocketLink.PendingReply reply = link.Expect(membership.JoinRef);
            using var payload = new PooledBuffer();
            JoinPayload.Write(payload, _isPresenceEnabled, token.Claims.Subject, token.Value);
            _membership = membership;
            await link.SendTextAsync(membership.JoinRef, membership.JoinRef, Topic, PhoenixEvents.Join, payload.Written.Span, cancellationToken).ConfigureAwait(false);
            Reply answer = await reply.Task.WaitAsync(_options.JoinTimeout, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
            if (!answer.IsOk)
                return Refusal.OfJoin(answer.Reason);

            membership.IsConfirmed = true;
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
                await PushAsync(late, PhoenixNames.Leave, PhoenixNames.EmptyObject, TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
            return new Refusal(RefusalClass.Transient, CampfireErrorCode.Timeout, $"the join was not answered within {_options.JoinTimeout.TotalSeconds:0.#} s");
        }
        finally
        {
            ReleaseJoin(link);
        }
    }

    private static Refusal LinkLost() => new(RefusalClass.Transient, CampfireErrorCode.Unavailable, "the connection was lost");

    private static void ReleaseJoin(SocketLink link)
    {
        try
        {
            link.Joining.Release();
        }
        catch (ObjectDisposedException)
        {
            // The link ended meanwhile, and its queue with it.
        }
    }

    private async Task<Refusal> StayAsync(Membership membership, CancellationToken cancellationToken)
    {
        while (true)
        {
            using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Task refresh = Task.Delay(_tokens.RefreshIn(membership.Token) ?? Timeout.InfiniteTimeSpan, _options.TimeProvider, timer.Token);
            Task first = await Task.WhenAny(membership.Ended, membership.Link.Loss, refresh).ConfigureAwait(false);
            await timer.CancelAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            if (first == membership.Ended)
                return await membership.Ended.ConfigureAwait(false);
            if (first == membership.Link.Loss)
                return LinkLost();

            AccessToken token = await _tokens.AskAsync(cancellationToken).ConfigureAwait(false);
            if (token.Value is null)
                continue;

            membership.Token = token;
            using var payload = new PooledBuffer();
            JoinPayload.WriteAccessToken(payload, token.Value);
            try
            {
                await membership.Link.SendTextAsync(
                    membership.JoinRef, membership.Link.NextRef(), Topic, PhoenixEvents.AccessToken, payload.Written.Span, cancellationToken).ConfigureAwait(false);
            }
            catch (IOException)
            {
                return LinkLost();
            }
        }
    }

    private async Task<Reply?> PushAsync(Membership membership, byte[] eventName, ReadOnlyMemory<byte> json, TimeSpan patience, CancellationToken cancellationToken)
    {
        using SocketLink.PendingReply reply = membership.Link.Expect(membership.Link.NextRef());
        try
        {
            await membership.Link.SendTextAsync(membership.JoinRef, reply.Ref, Topic, eventName, json.Span, cancellationToken).ConfigureAwait(false);
            return patience == TimeSpan.Zero
                ? null
                : await reply.Task.WaitAsync(patience, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            return null;
        }
    }
}
