using System.Collections.Concurrent;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Benchmarks.Sockets;

// The least that Kestrel can do for a fan-out: what one socket sends goes to all others, and nothing is looked at.
internal static class BareServer
{
    public static async Task<WebApplication> StartAsync(CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication application = builder.Build();
        ConcurrentDictionary<WebSocket, bool> sockets = new();
        application.UseWebSockets();
        application.Run(async context =>
        {
            using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync();
            sockets[socket] = true;
            byte[] buffer = new byte[4096];
            try
            {
                while (true)
                {
                    ValueWebSocketReceiveResult result = await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted);
                    if (result.MessageType == WebSocketMessageType.Close)
                        return;
                    foreach ((WebSocket other, _) in sockets)
                    {
                        if (other != socket)
                            await other.SendAsync(buffer.AsMemory(0, result.Count), result.MessageType, result.EndOfMessage, context.RequestAborted);
                    }
                }
            }
            catch (Exception gone) when (gone is WebSocketException or OperationCanceledException)
            {
            }
            finally
            {
                sockets.TryRemove(socket, out _);
            }
        });
        await application.StartAsync(cancellationToken);
        return application;
    }
}
