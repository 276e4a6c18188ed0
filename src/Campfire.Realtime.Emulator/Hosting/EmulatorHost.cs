using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Database;
using Campfire.Realtime.Emulator.Faults;
using Campfire.Realtime.Emulator.Realtime;
using Campfire.Realtime.Emulator.Rest;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Emulator.Hosting;

internal sealed class EmulatorHost : IAsyncDisposable
{
    private static readonly TimeSpan _sweepInterval = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan _goodbyePatience = TimeSpan.FromSeconds(1);

    private readonly WebApplication _app;
    private readonly FunctionCatalog _catalog;
    private readonly SchemaReloadListener _reloads;
    private readonly RealtimeServices _realtime;
    private readonly ITimer _sweep;

    private EmulatorHost(WebApplication app, FunctionCatalog catalog, SchemaReloadListener reloads, RealtimeServices realtime)
    {
        _app = app;
        _catalog = catalog;
        _reloads = reloads;
        _realtime = realtime;
        _sweep = realtime.Time.CreateTimer(
            static sockets => ((SocketRegistry)sockets!).CutAbandoned(), realtime.Sockets, _sweepInterval, _sweepInterval);
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Url = new Uri(address);
    }

    public Uri Url { get; }

    public EmulatorFaults Faults => _realtime.Faults;

    public static async Task<EmulatorHost> StartAsync(
        CampfireEmulatorOptions options, EmulatorSecrets secrets, EmulatorDatabase database, CancellationToken cancellationToken)
    {
        var keys = new ApiKeys(secrets);
        var verifier = new TokenVerifier(secrets.JwtSecret, options.TimeProvider);
        var catalog = new FunctionCatalog(database.Authenticator);
        var roles = new RoleSettings();
        var reloads = new SchemaReloadListener(
            database.Authenticator, catalog, roles, options.LoggerFactory.CreateLogger<SchemaReloadListener>());
        var rpc = new RpcEndpoint(
            new FunctionCaller(database.Authenticator, roles),
            catalog,
            new RestGateway(keys),
            keys,
            verifier,
            options.TimeProvider,
            options.LoggerFactory.CreateLogger<RpcEndpoint>());
        var realtime = CreateRealtime(options, database, verifier);
        var socket = new SocketEndpoint(realtime, keys, options.LoggerFactory);
        var broadcaster = new RestBroadcaster(realtime, keys);
        var batch = new BatchBroadcastEndpoint(broadcaster);
        var single = new SingleBroadcastEndpoint(broadcaster);

        var app = Build(options);
        app.UseMiddleware<AnyOrigin>();
        app.UseMiddleware<RefusedRequests>(options.LoggerFactory.CreateLogger<RefusedRequests>());
        app.Use(realtime.Faults.Network.PassAsync);
        app.Use(ClientActivity.WatchAsync);
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = Timeout.InfiniteTimeSpan });
        app.UseRouting();
        app.Map("/realtime/v1/websocket", socket.ConnectAsync);
        app.Map("/socket/websocket", socket.ConnectAsync);
        foreach (var api in (string[])["/realtime/v1/api", "/api"])
        {
            app.MapPost(api + "/broadcast", batch.SendAsync);
            app.MapPost(api + "/broadcast/{topic}/events/{event}", single.SendAsync);
        }
        app.Map("/rest/v1/rpc/{function}", rpc.CallAsync);
        app.Map("/rest/v1/{**rest}", rpc.RefuseTableAsync);
        foreach (var realtimePath in (string[])["/realtime/v1/{**rest}", "/api/{**rest}", "/socket/{**rest}"])
            app.Map(realtimePath, UnknownPath.OfRealtimeAsync);
        app.Map("{**path}", UnknownPath.OfGatewayAsync);
        try
        {
            await app.StartAsync(cancellationToken).ConfigureAwait(false);
            await realtime.Stream.StartAsync(cancellationToken).ConfigureAwait(false);
            reloads.Start();
            return new EmulatorHost(app, catalog, reloads, realtime);
        }
        catch (IOException failure) when (failure.InnerException is AddressInUseException)
        {
            await StopAsync().ConfigureAwait(false);
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.PortInUse,
                $"Port {options.Port} is in use by another program. Stop that program or choose another port (campfire up --port), 0 for a free one.",
                failure);
        }
        catch (SocketException failure)
        {
            await StopAsync().ConfigureAwait(false);
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.PortInUse,
                $"Port {options.Port} cannot be opened: {failure.Message}. Choose another port (campfire up --port), 0 for a free one.",
                failure);
        }
        catch
        {
            await StopAsync().ConfigureAwait(false);
            throw;
        }

        async Task StopAsync()
        {
            await app.DisposeAsync().ConfigureAwait(false);
            await realtime.Stream.DisposeAsync().ConfigureAwait(false);
            await reloads.DisposeAsync().ConfigureAwait(false);
            catalog.Dispose();
        }
    }

    // Ends every socket, and with it every channel and presence; then nothing has been counted.
    public async Task ResetAsync(TimeSpan patience)
    {
        await CloseSocketsAsync(WebSocketCloseStatus.NormalClosure, patience).ConfigureAwait(false);
        _realtime.Rates.Clear();
    }

    // To be called before the marker is emitted.
    public Task PassedAsync(string marker) => _realtime.Stream.PassedAsync(marker);

    public async ValueTask DisposeAsync()
    {
        await _sweep.DisposeAsync().ConfigureAwait(false);
        // What a fault keeps silent or delays would keep this waiting.
        Faults.ReleaseConnections();
        // 1012, "service restart", is how a Realtime that goes down says so.
        await CloseSocketsAsync((WebSocketCloseStatus)1012, _goodbyePatience).ConfigureAwait(false);
        Faults.CutConnections();
        await _app.DisposeAsync().ConfigureAwait(false);
        await _realtime.Stream.DisposeAsync().ConfigureAwait(false);
        await _reloads.DisposeAsync().ConfigureAwait(false);
        _catalog.Dispose();
    }

    // Whatever their clients do.
    private async Task CloseSocketsAsync(WebSocketCloseStatus status, TimeSpan patience)
    {
        var closing = _realtime.Sockets.CloseAllAsync(status);
        try
        {
            // By the wall's clock: the emulated one may be standing still.
            await closing.WaitAsync(patience, TimeProvider.System).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _realtime.Sockets.AbortAll();
            await closing.ConfigureAwait(false);
        }
    }

    private static RealtimeServices CreateRealtime(CampfireEmulatorOptions options, EmulatorDatabase database, TokenVerifier verifier)
    {
        var faultLog = new FaultLog(options.TimeProvider);
        var broadcastFaults = new BroadcastFaults(faultLog);
        var sockets = new SocketRegistry();
        var rates = new ProjectRates(options.Limits, options.TimeProvider);
        var hub = new TopicHub(broadcastFaults);
        var stream = new MessageStream(
            database.Admin, database.AdminConnectionString, hub, rates, options.Limits, options.LoggerFactory.CreateLogger<MessageStream>());
        var faults = new EmulatorFaults(
            faultLog, broadcastFaults, hub, sockets, database, stream, options.LoggerFactory.CreateLogger<EmulatorFaults>());
        var admission = new ChannelAdmission(
            verifier,
            new MessagePolicies(database.Admin),
            new MessageHistory(database.Admin),
            options.Limits,
            rates,
            options.LoggerFactory.CreateLogger<ChannelAdmission>());
        return new RealtimeServices(hub, sockets, admission, stream, verifier, faults, rates, options.Limits, options.Delays, options.TimeProvider);
    }

    private static WebApplication Build(CampfireEmulatorOptions options)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(options.LoggerFactory);
        builder.Services.AddSingleton<IHostLifetime, GuestLifetime>();
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, options.Port);
        });
        return builder.Build();
    }

    // The emulator is a guest in somebody's process: signals belong to the host, not to this web server.
    private sealed class GuestLifetime : IHostLifetime
    {
        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
