using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Hosting;
using Campfire.Realtime.Protocol.Wire;
using Microsoft.AspNetCore.Http;
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

        using var connection = await context.WebSockets.AcceptWebSocketAsync(
            new WebSocketAcceptContext { KeepAliveInterval = Timeout.InfiniteTimeSpan }).ConfigureAwait(false);
        using var socket = new RealtimeSocket(services, connection, version, token, HeadersOf(context.Request), context.Abort, _logger);
        await socket.RunAsync().ConfigureAwait(false);
    }

    private (string? Token, int Status, string? Refusal) Authenticate(HttpRequest request)
    {
        var header = request.Headers["x-api-key"].ToString();
        var key = header.Length > 0 ? header : request.Query["apikey"].ToString();
        if (key.Length == 0)
            return (null, StatusCodes.Status401Unauthorized, "API key is missing");
        var token = ApiKeys.IsOpaque(key) ? keys.ToJwt(key) ?? key : WhiteSpace().Replace(key, "");
        var verification = services.Verifier.Verify(token);
        if (verification.Fault != TokenFault.None)
            return (null, StatusCodes.Status401Unauthorized, TokenFaultTexts.ForUpgrade(verification.Fault));
        return services.Sockets.Users >= services.Limits.MaxConcurrentUsers
            ? (null, StatusCodes.Status429TooManyRequests, "Too many connected users")
            : (token, StatusCodes.Status101SwitchingProtocols, null);
    }

    private static WireVersion? VersionOf(string? vsn)
    {
        if (string.IsNullOrEmpty(vsn) || Version1().IsMatch(vsn))
            return WireVersion.V1;
        return Version2().IsMatch(vsn) ? WireVersion.V2 : null;
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

    [GeneratedRegex(@"^1\.0\.\d+$")]
    private static partial Regex Version1();

    [GeneratedRegex(@"^2\.0\.\d+$")]
    private static partial Regex Version2();

    [GeneratedRegex(@"\s")]
    private static partial Regex WhiteSpace();
}
