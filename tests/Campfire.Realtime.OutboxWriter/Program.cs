using Campfire.Realtime;

// Enqueues messages until it is killed, and says of each that it was accepted: "conversation id content".
// Arguments: url, key, token, owner, file, round, chance in percent that a request works, conversations.
var conversations = args[7..].Select(Guid.Parse).ToArray();
await using var outbox = await FileOutbox.OpenAsync(new FileOutboxOptions { Path = args[4], Owner = args[3] });
using var network = new FaultyNetwork(int.Parse(args[6], null));
await using var client = new CampfireClient(new CampfireClientOptions
{
    Url = new Uri(args[0]),
    ApiKey = args[1],
    AccessToken = _ => ValueTask.FromResult(args[2]),
    Outbox = outbox,
    HttpMessageHandler = network,
    ReconnectBaseDelay = TimeSpan.FromMilliseconds(5),
    ReconnectMaxDelay = TimeSpan.FromMilliseconds(20),
});

// Not awaited: it sends, also while there is no connection.
_ = client.ConnectAsync();
for (var number = 0; ; number++)
{
    var message = new OutgoingMessage($"{args[5]}:{number:000000} {new string('x', Random.Shared.Next(400))}");
    var conversation = conversations[Random.Shared.Next(conversations.Length)];
    await client.EnqueueMessageAsync(conversation, message);
    Console.Out.WriteLine($"{conversation} {message.Id} {args[5]}:{number:000000}");
    Console.Out.Flush();
}

// Loses requests before they arrive and answers on their way back.
internal sealed class FaultyNetwork(int percent) : DelegatingHandler(new SocketsHttpHandler())
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (Random.Shared.Next(100) >= percent)
            throw new HttpRequestException("no route");
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        if (Random.Shared.Next(100) < percent)
            return response;
        response.Dispose();
        throw new HttpRequestException("the answer was lost");
    }
}
