using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Campfire.Realtime.Tokens;

namespace Campfire.Realtime.Rest;

/// <summary>Calls the functions of the database through PostgREST, once: whether to call again is the caller's question.</summary>
internal sealed class RpcClient(HttpClient http, Uri baseUrl, string apiKey, AccessTokenSource tokens, TimeSpan timeout, TimeProvider time)
{
    private const int MaxErrorBytes = 64 * 1024;

    /// <exception cref="CampfireException">The server refused or could not be reached.</exception>
    public Task<TResult> CallAsync<TArguments, TResult>(
        string function, TArguments arguments, JsonTypeInfo<TArguments> argumentsType, JsonTypeInfo<TResult> resultType, CancellationToken cancellationToken) =>
        CallAsync(function, arguments, argumentsType, resultType, onlyAs: null, cancellationToken);

    /// <summary>Calls, but not with another user's token than <paramref name="onlyAs"/> names.</summary>
    /// <exception cref="CampfireException">The server refused or could not be reached, or the token is another user's.</exception>
    public async Task<TResult> CallAsync<TArguments, TResult>(
        string function, TArguments arguments, JsonTypeInfo<TArguments> argumentsType, JsonTypeInfo<TResult> resultType, string? onlyAs,
        CancellationToken cancellationToken)
    {
        AccessToken token = await tokens.GetAsync(cancellationToken).ConfigureAwait(false);
        if (!IsFor(onlyAs, token))
        {
            // The user may be back since the token was remembered.
            token = await tokens.AskAsync(cancellationToken).ConfigureAwait(false);
            ThrowIfNotFor(onlyAs, token);
        }

        try
        {
            return await CallOnceAsync(function, arguments, argumentsType, resultType, token, cancellationToken).ConfigureAwait(false);
        }
        catch (CampfireException e) when (e.Code is CampfireErrorCode.InvalidToken && token.Value is not null)
        {
            // The token may have been revoked or the clocks may differ: one fresh token, then the refusal is final.
            token = await tokens.AskAsync(cancellationToken).ConfigureAwait(false);
            ThrowIfNotFor(onlyAs, token);
            return await CallOnceAsync(function, arguments, argumentsType, resultType, token, cancellationToken).ConfigureAwait(false);
        }
    }

    private static bool IsFor(string? user, AccessToken token) => user is null || token.Claims.Subject == user;

    private static void ThrowIfNotFor(string? user, AccessToken token)
    {
        if (!IsFor(user, token))
        {
            throw new CampfireException(
                CampfireErrorCode.WrongUser, "The access token is not that of the user whose messages are to be sent, so nothing was sent. They wait until AccessToken hands out one of their user again.");
        }
    }

    private async Task<TResult> CallOnceAsync<TArguments, TResult>(
        string function, TArguments arguments, JsonTypeInfo<TArguments> argumentsType, JsonTypeInfo<TResult> resultType, AccessToken token,
        CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(baseUrl, function));
        request.Headers.Add("apikey", apiKey);
        if (token.Value is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Value);
        request.Content = JsonContent.Create(arguments, argumentsType);

        using var deadline = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
                throw await ReadErrorAsync(function, response, either.Token).ConfigureAwait(false);

            // A captive portal or a proxy answers 200 with a page of its own.
            if (response.Content.Headers.ContentType?.MediaType is { } mediaType && !mediaType.EndsWith("json", StringComparison.OrdinalIgnoreCase))
                throw new CampfireException(CampfireErrorCode.Unavailable, $"{function} was answered with {mediaType}; something between here and {baseUrl.Authority} answers in its place.");

            return await response.Content.ReadFromJsonAsync(resultType, either.Token).ConfigureAwait(false)
                ?? throw new CampfireException(CampfireErrorCode.ProtocolViolation, $"{function} answered null.");
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw deadline.IsCancellationRequested
                ? new CampfireException(CampfireErrorCode.Timeout, $"{function} did not answer within {timeout.TotalSeconds:0.#} s.", innerException: e)
                : new CampfireException(
                    CampfireErrorCode.Unavailable, $"{function} was cut before it answered: the client was disposed, or its HttpMessageHandler gave up.", innerException: e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new CampfireException(CampfireErrorCode.Unavailable, $"{function} could not be reached at {baseUrl.Authority}: {e.Message}", innerException: e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException and not ObjectDisposedException)
        {
            throw new CampfireException(
                CampfireErrorCode.ProtocolViolation, $"{function} answered with JSON of another shape; are the migrations current?", innerException: e);
        }
    }

    private static async Task<CampfireException> ReadErrorAsync(string function, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        RpcErrorBody? body = null;
        if (response.Content.Headers.ContentLength is null or <= MaxErrorBytes)
        {
            try
            {
                await response.Content.LoadIntoBufferAsync(MaxErrorBytes, cancellationToken).ConfigureAwait(false);
                body = await response.Content.ReadFromJsonAsync(RpcErrorJsonContext.Default.RpcErrorBody, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is JsonException or HttpRequestException or NotSupportedException or InvalidOperationException)
            {
                // A gateway answers in its own words; the status says enough.
            }
        }

        return RpcErrors.ToException(function, response.StatusCode, body);
    }
}
