using System.Text.Json;
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
    private readonly PresenceRoster _roster = new();
    private readonly Board<IReadOnlyList<PresentParticipant>> _present = new([], backlog: 1);
    private readonly ChannelSession _session;
    private readonly ILogger _logger;
    private PresenceDetails? _tracked;

    internal ConversationPresence(ChannelSession session, ILogger logger)
    {
        _session = session;
        _logger = logger;
    }

    /// <summary>Gets who is present, ordered by key.</summary>
    public IReadOnlyList<PresentParticipant> Current => _present.Current;

    /// <summary>Watches who is present: the present list first, then each change. A slow reader skips to the newest list.</summary>
    /// <param name="cancellationToken">Ends the watching.</param>
    public IAsyncEnumerable<IReadOnlyList<PresentParticipant>> WatchAsync(CancellationToken cancellationToken = default) =>
        _present.WatchAsync(cancellationToken);

    /// <summary>Shows the caller as present. Realtime allows five calls in 30 s for each channel and closes it at the sixth.</summary>
    /// <param name="details">What to show.</param>
    /// <param name="cancellationToken">Cancels the wait for the server's answer.</param>
    /// <exception cref="CampfireException">The server refused, or did not answer in time.</exception>
    public async Task TrackAsync(PresenceDetails details, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(details);
        Volatile.Write(ref _tracked, details);
        try
        {
            await PushAsync(Push(details), cancellationToken).ConfigureAwait(false);
        }
        catch (CampfireException e) when (!e.IsTransient)
        {
            // What was refused once is not asked for again after each reconnect.
            Interlocked.CompareExchange(ref _tracked, null, details);
            throw;
        }
    }

    /// <summary>No longer shows the caller as present.</summary>
    /// <param name="cancellationToken">Cancels the wait for the server's answer.</param>
    /// <exception cref="CampfireException">The server refused, or did not answer in time.</exception>
    public async Task UntrackAsync(CancellationToken cancellationToken = default)
    {
        Volatile.Write(ref _tracked, null);
        await PushAsync(Push(null), cancellationToken).ConfigureAwait(false);
    }

    internal void OnJoined()
    {
        if (Volatile.Read(ref _tracked) is { } details)
            _ = TrackAgainAsync(details);
    }

    internal void OnState(ReadOnlySpan<byte> json) => Change(static (roster, state) => roster.Replace(state), json);

    internal void OnDiff(ReadOnlySpan<byte> json) => Change(static (roster, diff) => roster.Apply(diff), json);

    internal void OnInterrupted()
    {
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

    private async Task TrackAgainAsync(PresenceDetails details)
    {
        try
        {
            PresenceDetails? shown = details;
            await PushAsync(Push(shown), CancellationToken.None).ConfigureAwait(false);

            // The application may have changed or taken it back meanwhile, and its push may have gone out before this one.
            while (!ReferenceEquals(Volatile.Read(ref _tracked), shown))
            {
                shown = Volatile.Read(ref _tracked);
                await PushAsync(Push(shown), CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (CampfireException e)
        {
            LogTrackFailed(_session.Name.Value, e.Message);
        }
    }

    private static PresencePush Push(PresenceDetails? details) =>
        details is null ? new PresencePush("presence", "untrack", null) : new PresencePush("presence", "track", details);

    private async Task PushAsync(PresencePush push, CancellationToken cancellationToken)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(push, PresenceJsonContext.Default.PresencePush);

        // Not joined at the moment: the rejoin tracks again.
        if (await _session.TryPushAsync(PhoenixNames.Presence, json, cancellationToken).ConfigureAwait(false) is { IsOk: false } refused)
        {
            throw new CampfireException(
                CampfireErrorCode.AccessDenied, $"Presence on {_session.Name} was refused: {refused.Reason ?? "the policy on realtime.messages does not allow it"}.", refused.Reason);
        }
    }

    [LoggerMessage(1301, LogLevel.Warning, "Tracking again on {Channel} failed: {Error}")]
    private partial void LogTrackFailed(string channel, string error);
}
