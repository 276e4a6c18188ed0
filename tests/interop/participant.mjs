// One side of a Campfire conversation, written as an application with supabase-js would: the test tells it what to do.
import { serve } from './host.mjs'
import { connect, Member, Queue } from './members.mjs'

export async function participate() {
  let client, conversation, typing, organizationId, conversationId
  const messages = new Queue('message')
  const receipts = new Queue('receipt')
  const typings = new Queue('typing')
  const present = new Queue('present')

  const rpc = async (name, args) => {
    const { data, error } = await client.rpc(name, args)
    if (error) throw new Error(`${error.code} ${error.message}: ${error.details}`)
    return data
  }

  const join = async (token) => {
    client = await connect({ token })
    const topic = `bcast:org:${organizationId}:conv:${conversationId}`
    conversation = new Member(client, topic, { private: true }, 'conversation')
    conversation.channel
      .on('broadcast', { event: 'message:created' }, ({ payload }) => messages.add(payload))
      .on('broadcast', { event: 'read:receipt' }, ({ payload }) => receipts.add(payload))
      .on('presence', { event: 'sync' }, () => {
        const state = conversation.channel.presenceState()
        present.add(Object.keys(state).map((key) => ({ key, name: state[key][0].name, kind: state[key][0].kind })))
      })
    typing = new Member(client, `${topic}:typing`, { private: true }, 'typing')
    typing.channel
      .on('broadcast', { event: 'typing:start' }, ({ payload }) => typings.add({ isTyping: true, ...payload }))
      .on('broadcast', { event: 'typing:stop' }, ({ payload }) => typings.add({ isTyping: false, ...payload }))
    await Promise.all([conversation.join(), typing.join()])
  }

  serve({
    join: async (desk) => {
      ({ organizationId, conversationId } = desk)
      await join(desk.token)
    },
    // As a widget does it: the key of the site is exchanged for a visitor's token.
    enter: async ({ url, widgetKey, name }) => {
      const answer = await fetch(`${url}/widget/auth`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ widgetKey, name }),
      })
      const session = await answer.json()
      if (!answer.ok) throw new Error(JSON.stringify(session))
      ;({ organizationId, conversationId } = session)
      await join(session.accessToken)
      return { organizationId, conversationId, visitorId: session.visitorId }
    },
    send: ({ content }) => rpc('campfire_send_message', { p_conversation_id: conversationId, p_id: crypto.randomUUID(), p_content: content }),
    history: async () => (await rpc('campfire_messages', { p_conversation_id: conversationId })).messages,
    markRead: ({ through }) => rpc('campfire_mark', { p_conversation_id: conversationId, p_delivered_through: through, p_read_through: through }),
    type: async ({ isTyping, senderType, senderId, name }) => {
      await typing.send(isTyping ? 'typing:start' : 'typing:stop', {
        conversation_id: conversationId, sender_type: senderType, sender_id: senderId, sender_name: name,
      })
    },
    forge: () => conversation.send('message:created', { sequence: 1, content: 'forged', conversation_id: conversationId }),
    track: ({ name, kind }) => conversation.channel.track({ name, kind }),
    nextMessage: () => messages.next(),
    nextReceipt: () => receipts.next(),
    nextTyping: () => typings.next(),
    nextPresent: ({ count }) => present.next((list) => list.length === count),
    rejoined: async () => {
      for (const member of [conversation, typing]) await member.until('SUBSCRIBED')
    },
    leave: () => client.removeAllChannels(),
  })
  await new Promise(() => {})
}
