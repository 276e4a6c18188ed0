using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Campfire.Realtime.Channels;
using Campfire.Realtime.Diagnostics;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Streams;
using Campfire.Realtime.Tokens;
using Campfire.Realtime.Typing;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime;

/// <summary>Who is typing in a conversation, over its typing channel. The channel is joined at the first use.</summary>
/// <remarks>
/// Thread-safe. Typing is the one thing that may be lost: a notice goes out at most every three seconds, and none while disconnected or
/// while the project is near its limit of messages (<see cref="RealtimeBudget"/>).
/// </remarks>
public sealed partial class ConversationTyping : IAsyncDisposable
{
    private const int Backlog = 64;
    private static readonly byte[] StartEvent = Encoding.UTF8.GetBytes(EventNames.TypingStart);
    private static readonly byte[] StopEvent = Encoding.UTF8.GetBytes(EventNames.TypingStop);

    private readonly ChannelServices _services;
    private readonly ChannelName _name;
    private readonly SingleReaderStream<TypingChange> _changes = new(Backlog, BoundedChannelFullMode.DropOldest);
    private readonly Lock _gate = new();
    private readonly TypingPace _pace;
    private readonly TypingRoster _roster;
    private readonly ITimer _noticeDue;
    private readonly ITimer _silence;
    private ChannelSession? _session;
    private Task? _join;
    private CampfireException? _end;
    private bool _isDisposed;

    internal ConversationTyping(ChannelName name, ChannelServices services)
    {
        _name = name;
        _services = services;
        TimeProvider time = services.Options.TimeProvider;
        _pace = new TypingPace(time);
        _roster = new TypingRoster(time);
        _noticeDue = time.CreateTimer(static state => ((ConversationTyping)state!).OnNoticeDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _silence = time.CreateTimer(static state => ((ConversationTyping)state!).OnSilence(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Gets or sets the name that others see beside the notice. The default is none.</summary>
    public string? DisplayName { get; set; }

    /// <summary>Says that the caller is typing. Call it at each keystroke: one notice in three seconds is sent.</summary>
    /// <remarks>
    /// Waits for no connection: the first call joins the typing channel behind its back, and what is said while the channel is not
    /// joined goes out if the join follows within six seconds, else never. A refusal of the join is told to the next call.
    /// </remarks>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="CampfireException">The server refused the typing channel, or has withdrawn it.</exception>
    public Task StartAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
            _pace.Say(isTyping: true);
        return SendIfDueAsync(cancellationToken);
    }

    /// <summary>Says that the caller stopped typing, within three seconds. Does nothing where <see cref="StartAsync"/> was not called before.</summary>
    /// <remarks>Others take silence for the same after eight seconds.</remarks>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="CampfireException">The server refused the typing channel, or has withdrawn it.</exception>
    public Task StopAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            _pace.Say(isTyping: false);
            if (_pace.DueIn is null)
                return Task.CompletedTask;
        }

        return SendIfDueAsync(cancellationToken);
    }

    /// <summary>Reads who starts and stops typing, from the first use on. One reader at a time; a slow one misses old changes.</summary>
    /// <remarks>Who has said nothing for eight seconds has stopped.</remarks>
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

        await _noticeDue.DisposeAsync().ConfigureAwait(false);
        await _silence.DisposeAsync().ConfigureAwait(false);
        _changes.Complete();
        if (session is not null)
            await session.DisposeAsync().ConfigureAwait(false);
    }

    private Task JoinAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(Conversation));
            if (_join is { IsFaulted: true })
                _join = null;
            BeginToJoin();
            return _join.WaitAsync(cancellationToken);
        }
    }

    [MemberNotNull(nameof(_join), nameof(_session))]
    private void BeginToJoin()
    {
        if (_join is not null && _session is not null)
            return;

        _session = new ChannelSession(_name, this, new Sink(this), isPresenceEnabled: false, _services);
        _join = JoinAsync(_session);
        _join.IsToldElsewhere();
    }

    private static async Task JoinAsync(ChannelSession session)
    {
        try
        {
            await session.JoinAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The channel, when it is joined at this moment. The first call begins to join it.</summary>
    /// <exception cref="CampfireException">It was refused, which is told once and may be tried again, or has ended.</exception>
    private ChannelSession? JoinedSession()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(Conversation));
            if (_end is not null)
                ExceptionDispatchInfo.Throw(_end);
            if (_join is { IsFaulted: true } refused)
            {
                _join = null;
                ExceptionDispatchInfo.Throw(refused.Exception.InnerException!);
            }

            BeginToJoin();
            return _session.IsJoined ? _session : null;
        }
    }

    private async Task SendIfDueAsync(CancellationToken cancellationToken)
    {
        if (JoinedSession() is not { } session)
            return;

        bool isTyping;
        lock (_gate)
        {
            if (_isDisposed || _pace.DueIn is not { } due)
                return;

            if (due > TimeSpan.Zero)
            {
                _noticeDue.Change(due, Timeout.InfiniteTimeSpan);
                return;
            }

            // Messages come first; whoever waits for a stop takes the silence for it.
            if (_services.Budget.IsTight)
            {
                LogDropped(_services.Logger, _name.Value);
                Instruments.TypingGaveWay();
                return;
            }

            isTyping = _pace.Wanted;
            _pace.OnSent();
        }

        AccessToken token = await _services.Tokens.GetAsync(cancellationToken).ConfigureAwait(false);
        var notice = new TypingNotice
        {
            ConversationId = _name.ConversationId!.Value,
            SenderType = token.Claims.Kind,
            SenderId = token.Claims.Subject ?? "",
            SenderName = DisplayName,
        };
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(notice, CampfireJsonContext.Default.TypingNotice);
        await session.TryBroadcastAsync(isTyping ? StartEvent : StopEvent, json, cancellationToken).ConfigureAwait(false);
    }

    private async void OnNoticeDue()
    {
        try
        {
            await SendIfDueAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            // Left meanwhile.
        }
        catch (Exception e)
        {
            // On a timer there is nobody to tell; the next keystroke meets the same and is told.
            LogNotSent(_services.Logger, _name.Value, e.Message);
        }
    }

    private void OnSilence()
    {
        lock (_gate)
        {
            if (_isDisposed)
                return;

            foreach (TypingNotice silent in _roster.TakeSilent())
                _changes.TryWrite(new TypingChange(silent, IsTyping: false));
            AwaitSilence();
        }
    }

    private void AwaitSilence() => _silence.Change(_roster.NextSilenceIn ?? Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    private void OnEnded(CampfireException reason)
    {
        lock (_gate)
            _end = reason;
        _changes.Complete(reason);
    }

    private void OnBroadcast(in BroadcastView broadcast)
    {
        string name = EventNames.Intern(broadcast.Event);
        if (broadcast.IsBinary || name is not (EventNames.TypingStart or EventNames.TypingStop))
            return;

        if (!PayloadReader.TryRead(broadcast.Payload, CampfireJsonContext.Default.TypingNotice, out TypingNotice? notice, out string? error))
            Volatile.Read(ref _session)?.ReportUnreadable(name, error);
        else if (notice.SenderId.Length > TypingRoster.MaxNameLength || notice.SenderName?.Length > TypingRoster.MaxNameLength)
            Volatile.Read(ref _session)?.ReportUnreadable(name, $"the sender's identifier or name is longer than {TypingRoster.MaxNameLength} characters");
        else if (notice.ConversationId == _name.ConversationId)
            Take(notice, name is EventNames.TypingStart);
    }

    private void Take(TypingNotice notice, bool isTyping)
    {
        lock (_gate)
        {
            if (_isDisposed)
                return;
            if (_roster.Take(notice, isTyping))
                _changes.TryWrite(new TypingChange(notice, isTyping));
            AwaitSilence();
        }
    }

    [LoggerMessage(1311, LogLevel.Debug, "Dropped a typing notice on {Channel}: the project is near its limit of messages")]
    private static partial void LogDropped(ILogger logger, string channel);

    [LoggerMessage(1312, LogLevel.Warning, "A typing notice on {Channel} was not sent: {Error}")]
    private static partial void LogNotSent(ILogger logger, string channel, string error);

    private sealed class Sink(ConversationTyping typing) : IChannelSink
    {
        private bool _wasJoined;

        public void OnBroadcast(in BroadcastView broadcast) => typing.OnBroadcast(broadcast);

        public void OnPresenceState(ReadOnlySpan<byte> json)
        {
        }

        public void OnPresenceDiff(ReadOnlySpan<byte> json)
        {
        }

        public void OnJoined()
        {
            _wasJoined = true;
            typing.OnNoticeDue();
        }

        public void OnDatabaseStreaming()
        {
        }

        public void OnInterrupted(string reason)
        {
        }

        public void OnEnded(CampfireException reason)
        {
            // A first join that failed is told to its caller, and may be tried again; then the stream must not be over.
            if (_wasJoined)
                typing.OnEnded(reason);
        }
    }
}
