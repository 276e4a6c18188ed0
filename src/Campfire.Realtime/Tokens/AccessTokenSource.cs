namespace Campfire.Realtime.Tokens;

internal sealed record AccessToken(string? Value, TokenClaims Claims)
{
    public static AccessToken None { get; } = new(null, TokenClaims.None);
}

/// <summary>Asks the application for tokens, one question at a time, and remembers the last answer until shortly before it expires.</summary>
internal sealed class AccessTokenSource(Func<CancellationToken, ValueTask<string>>? callback, TimeProvider time) : IDisposable
{
    public static readonly TimeSpan ExpiryMargin = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _asking = new(1, 1);
    private AccessToken? _current;

    /// <summary>The last token, or a new one when there is none or it is about to expire.</summary>
    public async ValueTask<AccessToken> GetAsync(CancellationToken cancellationToken)
    {
        AccessToken? current = Volatile.Read(ref _current);
        return current is not null && RefreshIn(current) > TimeSpan.Zero ? current : await AskAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A token that the application gives now.</summary>
    public async ValueTask<AccessToken> AskAsync(CancellationToken cancellationToken)
    {
        if (callback is null)
            return AccessToken.None;

        await _asking.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            string token = await callback(cancellationToken).ConfigureAwait(false);
            if (string.IsNullOrWhiteSpace(token))
                throw new InvalidOperationException("The AccessToken callback returned no token. Return the user's access token, or leave the option unset.");

            var answer = new AccessToken(token, TokenClaims.Read(token));
            Volatile.Write(ref _current, answer);
            return answer;
        }
        finally
        {
            _asking.Release();
        }
    }

    public void Forget() => Volatile.Write(ref _current, null);

    /// <summary>How long the token is good for before the next one should be asked for: the margin before its end, less for short-lived ones.</summary>
    public TimeSpan? RefreshIn(AccessToken token)
    {
        if (token.Claims.ExpiresAt is not { } end)
            return null;

        TimeSpan left = end - time.GetUtcNow();
        return left > 2 * ExpiryMargin ? left - ExpiryMargin : left / 2;
    }

    public void Dispose() => _asking.Dispose();
}
