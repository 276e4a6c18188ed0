using Campfire.Realtime.Connection;

namespace Campfire.Realtime.Delivery;

/// <summary>Reads from the database for a stream that no fault may end: again and again, until the database itself says that the right is gone.</summary>
internal sealed class PersistentReader(CampfireClientOptions options, Backoff backoff)
{
    // Whoever makes the tokens may need a moment after a sleep.
    private const int MaxTokenRefusals = 3;

    /// <summary>Whether the database has judged the caller's right. All else may be a gateway's, or the fault of a moment.</summary>
    public static bool IsVerdict(CampfireException e) => e.ServerReason is "campfire_not_participant" or "campfire_not_found";

    /// <param name="read">One attempt.</param>
    /// <param name="failed">Told of each failed attempt: why, its number, and how long the next one waits.</param>
    /// <param name="leastDelay">How long that is at least.</param>
    /// <param name="cancellationToken">Ends the trying.</param>
    /// <exception cref="CampfireException">The right is gone, or there is no token any more.</exception>
    public async Task<T> ReadAsync<T>(
        Func<CancellationToken, Task<T>> read, Action<CampfireException, int, TimeSpan> failed, Func<TimeSpan> leastDelay, CancellationToken cancellationToken)
    {
        int tokenRefusals = 0;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await read(cancellationToken).ConfigureAwait(false);
            }
            catch (CampfireException e) when (!IsVerdict(e) && !IsWithoutToken(e) && (e.Code is not CampfireErrorCode.InvalidToken || ++tokenRefusals <= MaxTokenRefusals))
            {
                // What is no fault of a moment will hardly be over in one.
                TimeSpan least = e.IsTransient || e.Code is CampfireErrorCode.InvalidToken ? leastDelay() : backoff.Around(options.PollInterval);
                TimeSpan delay = backoff.Next(attempt);
                delay = delay > least ? delay : least;
                failed(e, attempt, delay);
                await Task.Delay(delay, options.TimeProvider, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    // The application has said so itself.
    private static bool IsWithoutToken(CampfireException e) => e is { Code: CampfireErrorCode.InvalidToken, ServerReason: null };
}
