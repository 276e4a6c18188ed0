using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Campfire.Realtime.Channels;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Streams;
using Campfire.Realtime.Tokens;

namespace Campfire.Realtime;

/// <summary>Who is typing in a conversation, over its typing channel. The channel is joined at the first use.</summary>
/// <remarks>Thread-safe. Typing is the one thing that may be lost: it is sent at most every three seconds, and not while disconnected.</remarks>
public sealed class ConversationTyping : IAsyncDisposable
{
    private const int Backlog = 64;
    private static readonly TimeSpan StartInterval = TimeSpan.FromSeconds(3);
    private static readonly byte[] StartEvent = Encoding.UTF8.GetBytes(EventNames.TypingStart);
    private static readonly byte[] StopEvent = Encoding.UTF8.GetBytes(EventNames.TypingStop);

    private readonly ChannelServices _services;
    private readonly ChannelName _name;
    private readonly SingleReaderStream<TypingChange> _changes = new(Backlog, BoundedChannelFullMode.DropOldest);
    private readonly Lock _gate = new();
    private ChannelSession? _session;
    private Task<ChannelSession>? _join;
    private bool _isDisposed;
    private long _lastStart;
    private bool _isTyping;

    internal ConversationTyping(ChannelName name, ChannelServices services)
    {
        _name = name;
        _services = services;
    }

    /// <summary>Gets or sets the name that others see beside the notice. The default is none.</summary>
    public string? DisplayName { get; set; }

    /// <summary>Says that the caller is typing. Call it at each keystroke: one notice in three seconds is sent.</summary>
    /// <param name="cancellationToken">Cancels the join of the typing channel.</param>
    /// <exception cref="CampfireException">The server refused the typing channel.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        ChannelSession session = await JoinAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            if (_isTyping && _services.Options.TimeProvider.GetElapsedTime(_lastStart) < StartInterval)
                return;
            _isTyping = true;
            _lastStart = _services.Options.TimeProvider.GetTimestamp();
        }

        await SendAsync(session, StartEvent, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Says that the caller stopped typing. Does nothing where <see cref="StartAsync"/> was not called before.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (!_isTyping)
                return;
            _isTyping = false;
        }

        await SendAsync(await JoinAsync(cancellationToken).ConfigureAwait(false), StopEvent, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads who starts and stops typing, from the first use on. One reader at a time; a slow one misses old changes.</summary>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="CampfireException">The server refused the typing channel.</exception>
    public async IAsyncEnumerable<TypingChange> ReadChangesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        try
        {
            await JoinAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            // Left meanwhile: the stream ends, as the conversation's other streams do.
            yield break;
        }

        await foreach (TypingChange change in _changes.ReadAsync(cancellationToken).ConfigureAwait(false))
            yield return change;
    }

    /// <summary>Leaves the typing channel and ends its stream. Leaving the conversation does this too.</summary>
    public async ValueTask DisposeAsync()
    {
        ChannelSession? session;
        lock (_gate)
        {
            _isDisposed = true;
            session = _session;
        }

        _changes.Complete();
        if (session is not null)
            await session.DisposeAsync().ConfigureAwait(false);
    }

    private Task<ChannelSession> JoinAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(Conversation));
            if (_join is null || _join.IsFaulted)
            {
                _session = new ChannelSession(_name, this, new Sink(this), isPresenceEnabled: false, _services);
                _join = JoinAsync(_session);
                _ = _join.ContinueWith(static task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            }

            return _join.WaitAsync(cancellationToken);
        }
    }

    private static async Task<ChannelSession> JoinAsync(ChannelSession session)
    {
        try
        {
            await session.JoinAsync(CancellationToken.None).ConfigureAwait(false);
            return session;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task SendAsync(ChannelSession session, byte[] eventName, CancellationToken cancellationToken)
    {
        AccessToken token = await _services.Tokens.GetAsync(cancellationToken).ConfigureAwait(false);
        var notice = new TypingNotice
        {
            ConversationId = _name.ConversationId!.Value,
            SenderType = token.Claims.Kind,
            SenderId = token.Claims.Subject ?? "",
            SenderName = DisplayName,
        };
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(notice, CampfireJsonContext.Default.TypingNotice);
        await session.TryBroadcastAsync(eventName, json, cancellationToken).ConfigureAwait(false);
    }

    private void OnEnded(CampfireException reason)
    {
        // A first join that failed is told to its caller, and may be tried again; then the stream must not be over.
        lock (_gate)
        {
            if (_join is not { IsCompletedSuccessfully: true })
                return;
        }

        _changes.Complete(reason);
    }

    private void OnBroadcast(in BroadcastView broadcast)
    {
        string name = EventNames.Intern(broadcast.Event);
        if (broadcast.IsBinary || name is not (EventNames.TypingStart or EventNames.TypingStop))
            return;

        if (!PayloadReader.TryRead(broadcast.Payload, CampfireJsonContext.Default.TypingNotice, out TypingNotice? notice, out string? error))
            Volatile.Read(ref _session)?.ReportUnreadable(name, error);
        else if (notice.ConversationId == _name.ConversationId)
            _changes.TryWrite(new TypingChange(notice, name is EventNames.TypingStart));
    }

    private sealed class Sink(ConversationTyping typing) : IChannelSink
    {
        public void OnBroadcast(in BroadcastView broadcast) => typing.OnBroadcast(broadcast);

        public void OnPresenceState(ReadOnlySpan<byte> json)
        {
        }

        public void OnPresenceDiff(ReadOnlySpan<byte> json)
        {
        }

        public void OnJoined()
        {
        }

        public void OnDatabaseStreaming()
        {
        }

        public void OnInterrupted()
        {
        }

        public void OnEnded(CampfireException reason) => typing.OnEnded(reason);
    }
}
