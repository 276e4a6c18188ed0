using System.Buffers;
using System.Net;
using Campfire.Realtime.Streams;

namespace Campfire.Realtime.Tokens;

internal sealed record AccessToken(string? Value, TokenClaims Claims)
{
    public static AccessToken None { get; } = new(null, TokenClaims.None);
}

/// <summary>Asks the application for tokens, one question at a time, and remembers the last answer until shortly before it expires.</summary>
internal sealed class AccessTokenSource(Func<CancellationToken, ValueTask<string>>? callback, TimeProvider time)
{
    public static readonly TimeSpan ExpiryMargin = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan ShortestUse = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan NextQuestion = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    // What a header may carry: a token with a line break would be a FormatException in the middle of a request.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

    private readonly Lock _gate = new();
    private Task _lastQuestion = Task.CompletedTask;
    private AccessToken? _current;

    /// <summary>The last token, when one was asked for.</summary>
    public AccessToken? Current => Volatile.Read(ref _current);

    /// <summary>The last token, or a new one when there is none or it is about to expire.</summary>
    /// <exception cref="CampfireException">The application gave none.</exception>
    public async ValueTask<AccessToken> GetAsync(CancellationToken cancellationToken)
    {
        return Volatile.Read(ref _current) is { Claims.ExpiresAt: not null } current && !IsAboutToEnd(current)
            ? current
            : await AskAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A token that the application gives now.</summary>
    /// <exception cref="CampfireException">The application gave none.</exception>
    public async ValueTask<AccessToken> AskAsync(CancellationToken cancellationToken)
    {
        if (callback is null)
            return AccessToken.None;

        Task<AccessToken> asked;
        lock (_gate)
            _lastQuestion = asked = AskAfterAsync(_lastQuestion, callback, cancellationToken);

        // A callback that ignores its token must not hold up who asked. It keeps its turn: the callback is never entered twice at once.
        asked.IsToldElsewhere();
        return await asked.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public bool IsAboutToEnd(AccessToken token) => token.Claims.ExpiresAt is { } end && end - time.GetUtcNow() <= ShortestUse;

    public void Forget() => Volatile.Write(ref _current, null);

    /// <summary>When to ask for the next token: the margin before this one's end, at half of a short life, and never in a tight loop.</summary>
    /// <returns>Between 1 s and a day, or null for a token that states no end.</returns>
    public TimeSpan? RefreshIn(AccessToken token)
    {
        if (token.Claims.ExpiresAt is not { } end)
            return null;

        TimeSpan left = end - time.GetUtcNow();
        if (left < ShortestUse)
        {
            // Over, or its clock and ours differ. The server decides; it says so by closing the channel.
            return NextQuestion;
        }

        TimeSpan wait = left > 2 * ExpiryMargin ? left - ExpiryMargin : left / 2;
        return wait < LongestWait ? wait : LongestWait;
    }

    private async Task<AccessToken> AskAfterAsync(Task previous, Func<CancellationToken, ValueTask<string>> ask, CancellationToken cancellationToken)
    {
        await previous.ConfigureAwait(ConfigureAwaitOptions.ForceYielding | ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            string? token = (await ask(cancellationToken).ConfigureAwait(false))?.Trim();
            if (string.IsNullOrEmpty(token) || token.AsSpan().ContainsAnyExcept(TokenCharacters))
            {
                throw new CampfireException(
                    CampfireErrorCode.InvalidToken,
                    "The AccessToken callback returned nothing that could be a token. Return the user's access token, or leave the option unset.");
            }

            var answer = new AccessToken(token, TokenClaims.Read(token));
            Volatile.Write(ref _current, answer);
            return answer;
        }
        catch (Exception e) when (e is not CampfireException && !(e is OperationCanceledException && cancellationToken.IsCancellationRequested))
        {
            // The message is the application's and might quote the token or a password, so it is not repeated.
            throw IsTransient(e)
                ? new CampfireException(CampfireErrorCode.Unavailable, "The AccessToken callback could not reach its source; it is asked again.", innerException: e)
                : new CampfireException(
                    CampfireErrorCode.InvalidToken, $"The AccessToken callback failed with {e.GetType().Name}; the inner exception says why.", innerException: e);
        }
    }

    private static bool IsTransient(Exception e) => e switch
    {
        HttpRequestException { StatusCode: { } status } =>
            status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError,
        HttpRequestException or IOException or TimeoutException or OperationCanceledException => true,
        _ => false,
    };
}
