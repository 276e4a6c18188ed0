using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Hosting;
using Campfire.Realtime.Protocol.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed partial class SocketEndpoint(RealtimeServices services, ApiKeys keys, ILoggerFactory loggers)
{
    private readonly ILogger _logger = loggers.CreateLogger<RealtimeSocket>();

    public async Task ConnectAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            await context.Response.WriteAsync("This is a WebSocket endpoint: send an upgrade request.").ConfigureAwait(false);
            return;
        }
        if (VersionOf(context.Request.Query["vsn"]) is not { } version)
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        var (token, status, refusal) = Authenticate(context.Request);
        if (token is null)
        {
            await Task.Delay(services.Delays.UpgradeError, services.Time, context.RequestAborted).ConfigureAwait(false);
            await HttpAnswers.WriteJsonAsync(context.Response, status, new JsonObject { ["error"] = refusal }).ConfigureAwait(false);
            return;
        }

        var drainsBefore = services.Sockets.Drains;
        using var connection = await context.WebSockets.AcceptWebSocketAsync(
            new WebSocketAcceptContext { KeepAliveInterval = Timeout.InfiniteTimeSpan }).ConfigureAwait(false);
        using var socket = new RealtimeSocket(services, connection, version, token, HeadersOf(context.Request), context.Abort, _logger);
        if (context.Features.Get<IHttpUpgradeFeature>() is ClientActivity activity)
            activity.Seen = socket.NoteActivity;
        await socket.RunAsync(drainsBefore).ConfigureAwait(false);
    }

    private (string? Token, int Status, string? Refusal) Authenticate(HttpRequest request)
    {
        var header = request.Headers["x-api-key"].ToString();
        var key = header.Length > 0 ? header : request.Query["apikey"].ToString();
        if (key.Length == 0)
            return (null, StatusCodes.Status401Unauthorized, "API key is missing");
        var token = ApiKeys.IsOpaque(key) ? keys.ToJwt(key) ?? key : key;
        var verification = services.Verifier.Verify(token);
        if (verification.Fault != TokenFault.None)
            return (null, StatusCodes.Status401Unauthorized, TokenFaultTexts.ForUpgrade(verification));
        if (services.Sockets.Users >= services.Limits.MaxConcurrentUsers)
            return (null, StatusCodes.Status429TooManyRequests, "Too many connected users");
        return services.Rates.Joins.IsExceeded
            ? (null, StatusCodes.Status429TooManyRequests, "Too many joins per second")
            : (token, StatusCodes.Status101SwitchingProtocols, null);
    }

    // Versions of SemVer in "~> 1.0.0" and "~> 2.0.0". One that is there and empty is no version.
    private static WireVersion? VersionOf(StringValues vsn)
    {
        if (vsn.Count == 0)
            return WireVersion.V1;
        var given = vsn[^1]!;
        if (Version1().IsMatch(given))
            return WireVersion.V1;
        return Version2().IsMatch(given) ? WireVersion.V2 : null;
    }

    private static string HeadersOf(HttpRequest request)
    {
        var headers = new JsonObject();
        foreach (var (name, values) in request.Headers)
        {
            if (name.StartsWith("x-", StringComparison.OrdinalIgnoreCase))
                headers[name.ToLowerInvariant()] = values.ToString();
        }
        return headers.ToJsonString();
    }

    [GeneratedRegex(@"^1\.0\.(0|[1-9][0-9]*)(\+[0-9A-Za-z.-]+)?\z")]
    private static partial Regex Version1();

    [GeneratedRegex(@"^2\.0\.(0|[1-9][0-9]*)(\+[0-9A-Za-z.-]+)?\z")]
    private static partial Regex Version2();
}
