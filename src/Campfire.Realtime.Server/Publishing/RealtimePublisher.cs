using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Server.Supabase;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace Campfire.Realtime.Server.Publishing;

/// <summary>Publishes through Realtime's HTTP interface with the service key.</summary>
internal sealed partial class RealtimePublisher : ICampfirePublisher
{
    private const int MaxRetries = 3;
    private static readonly TimeSpan _retryDelay = TimeSpan.FromMilliseconds(100);

    private readonly IHttpClientFactory _http;
    private readonly CampfireServerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Uri _batchUrl;
    private readonly ResiliencePipeline _retry;

    public RealtimePublisher(IHttpClientFactory http, CampfireServerOptions options, TimeProvider time, ILogger<RealtimePublisher> logger)
    {
        _http = http;
        _options = options;
        _time = time;
        _logger = logger;
        _batchUrl = options.BroadcastUrl;
        _retry = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<CampfireException>(e => e.IsTransient),
                MaxRetryAttempts = MaxRetries,
                Delay = _retryDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                OnRetry = retry =>
                {
                    PublishingAgain(retry.AttemptNumber + 1, retry.RetryDelay, retry.Outcome.Exception);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
    }

    public async Task PublishAsync<T>(
        ChannelName channel, string eventName, T payload, JsonTypeInfo<T> payloadType, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(channel);
        ArgumentNullException.ThrowIfNull(payloadType);
        if (!EventNames.IsValid(eventName))
            throw new ArgumentException($"'{eventName}' is no event name; names read {{resource}}:{{action}}[:{{detail}}] in lower case.", nameof(eventName));

        byte[] body = JsonSerializer.SerializeToUtf8Bytes(payload, payloadType);
        bool canStandAlone = CanStandAlone(body);
        await _retry.ExecuteAsync(
            static async (call, token) => await call.Self.PublishOnceAsync(call.channel, call.eventName, call.body, call.canStandAlone, token).ConfigureAwait(false),
            (Self: this, channel, eventName, body, canStandAlone),
            cancellationToken).ConfigureAwait(false);
        Published(channel, eventName, body.Length);
    }

    // The endpoint for one event mixes the payload's top level with its own parameters: these two names would change what it does.
    private static bool CanStandAlone(ReadOnlySpan<byte> payload)
    {
        var reader = new Utf8JsonReader(payload);
        if (!reader.Read() || reader.TokenType is not JsonTokenType.StartObject)
            throw new ArgumentException("Realtime broadcasts JSON objects only; wrap the value in an object.", nameof(payload));

        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("private"u8) || reader.ValueTextEquals("_binary"u8))
                return false;

            reader.Skip();
        }

        return true;
    }

    private async ValueTask PublishOnceAsync(ChannelName channel, string eventName, byte[] payload, bool canStandAlone, CancellationToken cancellationToken)
    {
        if (canStandAlone)
        {
            var url = new Uri($"{_batchUrl}/{Uri.EscapeDataString(channel.Topic)}/events/{Uri.EscapeDataString(eventName)}?private=true");
            if (await TryPostAsync(url, payload, acceptMissing: true, cancellationToken).ConfigureAwait(false))
                return;
        }

        // Realtime before 2.97 has the batch endpoint only, which answers 202 also to what it drops.
        await TryPostAsync(_batchUrl, Batch(channel, eventName, payload), acceptMissing: false, cancellationToken).ConfigureAwait(false);
    }

    private async Task<bool> TryPostAsync(Uri url, byte[] body, bool acceptMissing, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("apikey", _options.ServiceKey);
        if (SupabaseKeys.IsToken(_options.ServiceKey!))
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _options.ServiceKey);

        using var deadline = new CancellationTokenSource(_options.RequestTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            using HttpClient http = _http.CreateClient(SupabaseRpc.HttpClientName);
            using HttpResponseMessage response = await http.SendAsync(request, either.Token).ConfigureAwait(false);
            if (response.IsSuccessStatusCode)
                return true;
            if (acceptMissing && response.StatusCode is HttpStatusCode.NotFound)
                return false;

            throw await BroadcastErrors.ReadAsync(response, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CampfireException(
                CampfireErrorCode.Timeout, $"Realtime did not accept the event within {_options.RequestTimeout.TotalSeconds:0.#} s.", innerException: e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new CampfireException(CampfireErrorCode.Unavailable, $"Realtime could not be reached at {url.Authority}: {e.Message}", innerException: e);
        }
    }

    private static byte[] Batch(ChannelName channel, string eventName, byte[] payload)
    {
        var buffer = new ArrayBufferWriter<byte>(payload.Length + 256);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("messages"u8);
            writer.WriteStartObject();
            writer.WriteString("topic"u8, channel.Topic);
            writer.WriteString("event"u8, eventName);
            writer.WriteBoolean("private"u8, true);
            writer.WritePropertyName("payload"u8);
            writer.WriteRawValue(payload, skipInputValidation: true);
            writer.WriteEndObject();
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
