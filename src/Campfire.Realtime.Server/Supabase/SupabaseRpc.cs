using System.Text.Json.Serialization.Metadata;
using Campfire.Realtime.Rest;
using Campfire.Realtime.Server.Tokens;
using Campfire.Realtime.Tokens;

namespace Campfire.Realtime.Server.Supabase;

/// <summary>Calls the database as the server, or as whoever calls this server, so that the database itself decides what he may do.</summary>
internal sealed class SupabaseRpc
{
    public const string HttpClientName = "Campfire.Realtime.Server";

    private readonly IHttpClientFactory _http;
    private readonly CampfireServerOptions _options;
    private readonly TimeProvider _time;
    private readonly Uri _url;
    private readonly AccessTokenSource _serviceToken;

    public SupabaseRpc(IHttpClientFactory http, CampfireServerOptions options, TimeProvider time)
    {
        _http = http;
        _options = options;
        _time = time;
        _url = options.RpcUrl;

        // The gateway turns an opaque key into a token itself; as a bearer it would be refused.
        string key = options.ServiceKey!;
        _serviceToken = new AccessTokenSource(SupabaseKeys.IsToken(key) ? _ => ValueTask.FromResult(key) : null, time, options.RequestTimeout);
    }

    public async Task<TResult> CallAsync<TArguments, TResult>(
        string function, TArguments arguments, JsonTypeInfo<TArguments> argumentsType, JsonTypeInfo<TResult> resultType, CancellationToken cancellationToken)
    {
        try
        {
            return await Client(_options.ServiceKey!, _serviceToken)
                .CallAsync(function, arguments, argumentsType, resultType, cancellationToken).ConfigureAwait(false);
        }
        catch (CampfireException e) when (e.Code is CampfireErrorCode.InvalidToken)
        {
            // Whoever calls this server cannot help it: it is not his token that was refused.
            throw new CampfireException(CampfireErrorCode.InvalidApiKey, "Supabase refused the ServiceKey: " + e.Message, e.ServerReason, e);
        }
    }

    public Task<TResult> CallAsAsync<TArguments, TResult>(
        ICallerIdentity caller, string function, TArguments arguments, JsonTypeInfo<TArguments> argumentsType, JsonTypeInfo<TResult> resultType,
        CancellationToken cancellationToken)
    {
        var token = new AccessTokenSource(_ => ValueTask.FromResult(caller.Token), _time, _options.RequestTimeout);
        return Client(_options.ApiKey!, token).CallAsync(function, arguments, argumentsType, resultType, cancellationToken);
    }

    private RpcClient Client(string apiKey, AccessTokenSource token) =>
        new(_http.CreateClient(HttpClientName), _url, apiKey, token, _options.RequestTimeout, _time);
}
