using System.Text.Json;
using Campfire.Realtime.Budget;
using Campfire.Realtime.Channels;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Presence;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Streams;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime;

/// <summary>Who is present in a conversation.</summary>
/// <remarks>
/// Thread-safe. What is tracked is tracked again after every reconnect, until it is taken back. At most 10,000 connections are shown;
/// who comes beyond them is left out.
/// </remarks>
public sealed partial class ConversationPresence
{
    // Is like nothing that anybody may want.
    private static readonly PresenceDetails Unclear = new();

    private readonly PresenceRoster _roster = new();
    private readonly Board<IReadOnlyList<PresentParticipant>> _present = new([], backlog: 1);
    private readonly ChannelSession _session;
    private readonly RealtimeBudget _budget;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private Task _publishing = Task.CompletedTask;
    private PresenceDetails? _wanted;
    private Shown? _membership;

    internal ConversationPresence(ChannelSession session, ChannelServices services)
    {
        _session = session;
        _budget = services.Budget;
        _time = services.Options.TimeProvider;
        _logger = services.Logger;
    }

    /// <summary>Gets who is present, ordered by key.</summary>
    public IReadOnlyList<PresentParticipant> Current => _present.Current;

    /// <summary>Watches who is present: the present list first, then each change. A slow reader skips to the newest list.</summary>
    /// <param name="cancellationToken">Ends the watching.</param>
    public IAsyncEnumerable<IReadOnlyList<PresentParticipant>> WatchAsync(CancellationToken cancellationToken = default) =>
        _present.WatchAsync(cancellationToken);

    /// <summary>Shows the caller as present.</summary>
    /// <remarks>
    /// Realtime closes a channel that changes its presence more often than five times in 30 s. Further changes wait, and of several
    /// that wait the last one is sent (<see cref="RealtimeBudget.PresenceCallsPerChannel"/>).
    /// </remarks>
    /// <param name="details">What to show.</param>
    /// <param name="cancellationToken">Ends the wait for the server's answer. The presence is shown all the same, as soon as it can be.</param>
    /// <exception cref="CampfireException">The server refused, or did not answer in time.</exception>
    public async Task TrackAsync(PresenceDetails details, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(details);
        Volatile.Write(ref _wanted, details);
        try
        {
            await PublishAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (CampfireException e) when (!e.IsTransient)
        {
            // What was refused once is not asked for again after each reconnect.
            Interlocked.CompareExchange(ref _wanted, null, details);
            throw;
        }
    }

    /// <summary>No longer shows the caller as present.</summary>
    /// <remarks><inheritdoc cref="TrackAsync" path="/remarks"/></remarks>
    /// <param name="cancellationToken">Ends the wait for the server's answer.</param>
    /// <exception cref="CampfireException">The server refused, or did not answer in time.</exception>
    public Task UntrackAsync(CancellationToken cancellationToken = default)
    {
        Volatile.Write(ref _wanted, null);
        return PublishAsync().WaitAsync(cancellationToken);
    }

    internal void OnJoined()
    {
        // Presence ends with the membership, and so do the calls that were made on it.
        Volatile.Write(ref _membership, new Shown(_budget.NewPresenceQuota()));
        if (Volatile.Read(ref _wanted) is not null)
            _ = PublishAsync();
    }

    internal void OnState(ReadOnlySpan<byte> json) => Change(static (roster, state) => roster.Replace(state), json);

    internal void OnDiff(ReadOnlySpan<byte> json) => Change(static (roster, diff) => roster.Apply(diff), json);

    internal void OnInterrupted()
    {
        // Who waits for that membership's quota or for an answer on it must not hold up the next one.
        Interlocked.Exchange(ref _membership, null)?.Dispose();

        // Not on the receive loop, which may be in the middle of a diff.
        lock (_roster)
            _roster.AwaitState();
    }

    internal void Complete(Exception? reason) => _present.Complete(reason);

    private void Change(Action<PresenceRoster, ReadOnlySpan<byte>> change, ReadOnlySpan<byte> json)
    {
        try
        {
            lock (_roster)
            {
                long ignored = _roster.Ignored;
                change(_roster, json);
                _present.Show(_roster.Snapshot());
                if (_roster.Ignored > ignored)
                    _session.Report(Violation.TooManyPresences, "", $"more than {PresenceRoster.MaxConnections} connections; later ones are not shown");
            }
        }
        catch (Exception e) when (WireError.IsOfContent(e))
        {
            _session.Report(Violation.UnreadablePresence, "", e.Message);
        }
    }

    private Task PublishAsync()
    {
        Task publishing;
        lock (_gate)
            _publishing = publishing = PublishAfterAsync(_publishing);
        publishing.IsToldElsewhere();
        return publishing;
    }

    /// <summary>Brings what the server shows to what is wanted. Of several callers the first sends, and the others find it done.</summary>
    private async Task PublishAfterAsync(Task previous)
    {
        await previous.ConfigureAwait(ConfigureAwaitOptions.ForceYielding | ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            // Not joined at the moment: the rejoin shows it.
            while (Volatile.Read(ref _membership) is { } membership && !ReferenceEquals(membership.Details, Volatile.Read(ref _wanted)))
            {
                try
                {
                    if (!await TryChangeAsync(membership).ConfigureAwait(false))
                        return;
                }
                catch (OperationCanceledException) when (membership.Ended.IsCancellationRequested)
                {
                    // Nothing is shown on it any more. Another one may have taken its place meanwhile.
                }
            }
        }
        catch (CampfireException e)
        {
            LogTrackFailed(_session.Name.Value, e.Message);
            throw;
        }
    }

    /// <summary>Waits for the quota, or makes one call of it.</summary>
    /// <returns>False when the membership ended first.</returns>
    private async Task<bool> TryChangeAsync(Shown membership)
    {
        if (membership.Quota.Delay is { Ticks: > 0 } wait)
        {
            await Task.Delay(wait, _time, membership.Ended).ConfigureAwait(false);
            return true;
        }

        PresenceDetails? before = membership.Details, wanted = Volatile.Read(ref _wanted);
        membership.Quota.Use();

        // Until there is an answer nobody knows what the server shows, and whatever is wanted next has to be said.
        membership.Details = Unclear;
        if (await PushAsync(wanted, membership.Ended).ConfigureAwait(false) is not { } answer)
            return false;

        membership.Details = answer.IsOk ? wanted : before;
        return answer.IsOk ? true : throw new CampfireException(
            CampfireErrorCode.AccessDenied, $"Presence on {_session.Name} was refused: {answer.Reason ?? "the policy on realtime.messages does not allow it"}.",
            answer.Reason);
    }

    private async Task<Reply?> PushAsync(PresenceDetails? details, CancellationToken cancellationToken)
    {
        PresencePush push = details is null ? new PresencePush("presence", "untrack", null) : new PresencePush("presence", "track", details);
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(push, PresenceJsonContext.Default.PresencePush);
        return await _session.TryPushAsync(PhoenixNames.Presence, json, cancellationToken).ConfigureAwait(false);
    }

    [LoggerMessage(1301, LogLevel.Warning, "Showing the presence on {Channel} failed: {Error}")]
    private partial void LogTrackFailed(string channel, string error);

    /// <summary>What one membership shows, and how often it may still change that. Disposed when the membership is over.</summary>
    private sealed class Shown : IDisposable
    {
        private readonly CancellationTokenSource _ended = new();

        public Shown(PresenceQuota quota)
        {
            Quota = quota;
            Ended = _ended.Token;
        }

        public PresenceQuota Quota { get; }

        public PresenceDetails? Details { get; set; }

        public CancellationToken Ended { get; }

        // Not on this thread, which is the channel's: the application's code may go on where a wait for an answer ends.
        public void Dispose() => EndAsync().IsToldElsewhere();

        private async Task EndAsync()
        {
            await _ended.CancelAsync().ConfigureAwait(false);
            _ended.Dispose();
        }
    }
}
