using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Campfire.Realtime.Emulator.Faults;

// Stands before the WebSockets of the pipeline and puts a link under each, so that neither they nor the sockets of
// Realtime know of faults in the network.
internal sealed class FaultyNetwork(NetworkFaults faults)
{
    public async Task PassAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true } upgrade)
        {
            await next(context).ConfigureAwait(false);
            return;
        }
        try
        {
            if (!await faults.MayUpgradeAsync(context.RequestAborted).ConfigureAwait(false))
            {
                context.Abort();
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // The client gave up waiting for an answer.
            return;
        }

        var lifetime = context.Features.GetRequiredFeature<IHttpRequestLifetimeFeature>();
        var linked = new LinkedUpgrade(faults, upgrade, lifetime);
        context.Features.Set<IHttpUpgradeFeature>(linked);
        context.Features.Set<IHttpRequestLifetimeFeature>(linked);
        await using (linked.ConfigureAwait(false))
            await next(context).ConfigureAwait(false);
    }

    private sealed class LinkedUpgrade(NetworkFaults faults, IHttpUpgradeFeature upgrade, IHttpRequestLifetimeFeature lifetime)
        : IHttpUpgradeFeature, IHttpRequestLifetimeFeature, IAsyncDisposable
    {
        private NetworkLink? _link;

        public bool IsUpgradableRequest => upgrade.IsUpgradableRequest;

        public CancellationToken RequestAborted
        {
            get => lifetime.RequestAborted;
            set => lifetime.RequestAborted = value;
        }

        public async Task<Stream> UpgradeAsync()
        {
            _link = new NetworkLink(faults, upgrade, lifetime.Abort, lifetime.RequestAborted);
            faults.Add(_link);
            await _link.OpenAsync().ConfigureAwait(false);
            return _link;
        }

        public void Abort()
        {
            if (_link is { } link)
                link.Cut();
            else
                lifetime.Abort();
        }

        public async ValueTask DisposeAsync()
        {
            if (_link is null)
                return;
            try
            {
                await _link.EndAsync().ConfigureAwait(false);
            }
            finally
            {
                faults.Remove(_link);
                await _link.DisposeAsync().ConfigureAwait(false);
            }
        }
    }
}
