using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Tokens;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Channels;

/// <summary>Gives the server the next token of a joined channel before the present one ends.</summary>
internal sealed partial class TokenRefresh(ChannelSession session, ChannelServices services)
{
    private readonly ILogger _logger = services.Logger;

    /// <summary>Ends when the link does, and by cancellation.</summary>
    /// <exception cref="CampfireException">The application has no token any more, and the present one has come to its end.</exception>
    public async Task RunAsync(Membership membership, CancellationToken cancellationToken)
    {
        AccessToken token = membership.Token;
        for (int failures = 0; ;)
        {
            TimeSpan wait = failures > 0 ? AgainIn(token, failures) : services.Tokens.RefreshIn(token) ?? Timeout.InfiniteTimeSpan;
            await Task.Delay(wait, services.Options.TimeProvider, cancellationToken).ConfigureAwait(false);
            AccessToken next;
            try
            {
                next = await services.Tokens.AskAsync(cancellationToken).ConfigureAwait(false);
                failures = 0;
            }
            catch (CampfireException e) when (e.IsTransient || services.Tokens.TimeLeft(token) > TimeSpan.Zero)
            {
                // The present token is good until its end; after it the server says so where the application does not.
                LogTokenLate(session.Name, e.Message);
                failures++;
                continue;
            }

            if (next.Value is null || next.Value == token.Value)
                continue;

            token = next;
            try
            {
                await SendAsync(membership, next.Value, cancellationToken).ConfigureAwait(false);
            }
            catch (IOException)
            {
                return;
            }
        }
    }

    /// <summary>A backoff, but not beyond the present token's end: then it is asked for the last time.</summary>
    private TimeSpan AgainIn(AccessToken token, int failures)
    {
        TimeSpan wait = services.Backoff.Next(failures);
        return services.Tokens.TimeLeft(token) is { Ticks: > 0 } left && left < wait ? left : wait;
    }

    private async Task SendAsync(Membership membership, string token, CancellationToken cancellationToken)
    {
        using var payload = new PooledBuffer();
        JoinPayload.WriteAccessToken(payload, token);
        await membership.Link.SendTextAsync(
            membership.JoinRef, membership.Link.NextRef(), session.Topic, PhoenixEvents.AccessToken, payload.Written.Span, cancellationToken).ConfigureAwait(false);
    }

    [LoggerMessage(1204, LogLevel.Warning, "No fresh token for {Channel} yet: {Reason}")]
    private partial void LogTokenLate(ChannelName channel, string reason);
}
