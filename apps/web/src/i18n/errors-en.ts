/** What happened and what to do, where the page knows it better than the service; by the contract's codes. */
export const errorsEn: {
  readonly byCode: Readonly<Record<string, { readonly title: string; readonly hint: string }>>;
} = {
  byCode: {
    service_unreachable: {
      title: 'The service does not answer',
      hint: 'Check that it runs. The page tries again by itself.',
    },
    answer_unreadable: {
      title: 'The service answered something unexpected',
      hint: 'Reload the page: it may be older or newer than the service.',
    },
    queue_full: { title: 'The queue is full', hint: 'Try again a little later. Your edit stays as it is.' },
    too_many_attempts: { title: 'Too many wrong keys', hint: 'Wait a minute, then enter your key again.' },
    quota_exceeded: {
      title: 'Too many pictures are stored that no edit uses',
      hint: 'Wait until some are deleted: after a day, unless an edit uses them.',
    },
    unauthorized: { title: 'The service asks for an API key', hint: 'Enter your key.' },
    forbidden: { title: 'Your API key may not do this', hint: 'Enter a key that may.' },
    origin_refused: {
      title: 'The service does not take calls from this address',
      hint: 'Open the page at http://127.0.0.1 or http://localhost, or use an API key.',
    },
    image_too_large: { title: 'A picture has too many pixels', hint: 'Save it smaller and add it again.' },
    request_too_large: { title: 'The pictures are too large together', hint: 'Remove one, or save them smaller.' },
    out_of_memory: {
      title: 'Memory ran out',
      hint: 'Choose the preset Draft or a smaller size of the result, or try again later.',
    },
    steps_too_few: { title: 'The model needs more steps', hint: 'Ask for more steps.' },
    lora_not_found: { title: 'There is no such LoRA', hint: 'Choose one that the settings list, or leave it out.' },
    lora_refused: {
      title: 'This LoRA may not be used',
      hint: 'Choose one that the settings list, or ask whoever runs the service to allow it.',
    },
    lora_invalid: {
      title: 'The file is not a LoRA that can be used',
      hint: 'Choose another LoRA, or tell whoever runs the service.',
    },
    lora_mismatch: {
      title: 'The LoRA was made for another model',
      hint: 'Choose a LoRA that was made for this model.',
    },
    result_invalid: {
      title: 'The model gave numbers that are no picture',
      hint: 'Run it again with another seed.',
    },
    device_drift: {
      title: 'A machine of the service computes wrong numbers',
      hint: 'Another one takes the edit if there is one. If it stays, tell whoever runs the service.',
    },
    device_unavailable: {
      title: 'A card of the service cannot be used now',
      hint: 'Another machine takes the edit if there is one. If it stays, tell whoever runs the service.',
    },
    input_damaged: { title: 'A picture of this edit is damaged', hint: 'Add the picture again and run a new edit.' },
    input_missing: { title: 'A picture of this edit is gone', hint: 'Add the picture again and run a new edit.' },
    expired: { title: 'The edit was not done in time', hint: 'Run it again.' },
  },
};
